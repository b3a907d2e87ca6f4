"""UnionPay's online gateway (ACP 5.1.0): a bank card page and a QR code, nothing can be closed."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from datetime import datetime

import httpx
from starlette.routing import Route

from simulator import keys
from simulator.books import Books
from simulator.gateway import Closes
from simulator.settings import Settings
from simulator.unionpay import tales
from simulator.unionpay.authority import Authority
from simulator.unionpay.doors import FRONT, GATEWAY, UnionpayDoors, posted
from simulator.unionpay.wishes import BEIJING


class Unionpay:
    """Its doors, ids and notifications."""

    name = GATEWAY
    foreign_doors = (FRONT,)

    def __init__(self, books: Books, settings: Settings) -> None:
        self._books = books
        self._authority = Authority(keys.folder(settings.data, GATEWAY))

    def routes(self) -> list[Route]:
        return UnionpayDoors(self._books, self._authority).routes()

    def new_id(self, kind: str) -> str:
        if kind == "payment":
            return f"up_{secrets.token_hex(10)}"
        # A queryId: 21 digits, of a payment's money and of a refund alike.
        second = datetime.fromtimestamp(self._books.now(), BEIJING).strftime("%Y%m%d%H%M%S")
        return f"{second}{secrets.randbelow(10**7):07}"

    def closes(self, method: str) -> Closes:
        return Closes.BY_ITS_TIME

    def waits_for_capture(self, method: str) -> bool:
        return False

    def message(self, kind: str, payment: sqlite3.Row, refund: str, event_id: str) -> str | None:
        # Only successes are told: of payments that failed or ran out nothing is ever heard.
        if kind == "payment.paid":
            row = self._books.the("SELECT * FROM payments WHERE id = ?", payment["id"])
            told = tales.of_payment(self._books, row)
        elif kind == "refund.done":
            row = self._books.the("SELECT * FROM refunds WHERE reference = ?", refund)
            told = tales.of_refund(row)
        else:
            return None
        return json.dumps(tales.notification(told))

    def sealed(self, body: str, *, event_id: str, forged: bool) -> tuple[Mapping[str, str], bytes]:
        signer = self._authority.forger() if forged else self._authority.signer
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        return headers, posted(signer.signed(json.loads(body)))

    def is_acknowledged(self, answer: httpx.Response) -> bool:
        return answer.status_code in (200, 302)
