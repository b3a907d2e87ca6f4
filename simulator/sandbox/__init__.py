"""The sandbox: three methods of different natures under one merchant reference.

`qr` can be closed for certain, also before it was seen; `redirect` cannot be closed before
its time limit; `card` can be closed unless a charge is running.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping

import httpx
from starlette.routing import Route

from simulator.books import Books, rfc3339
from simulator.gateway import Closes
from simulator.sandbox.bank import GATEWAY
from simulator.sandbox.doors import MerchantDoors
from simulator.sandbox.signing import HEADER, WRONG_SECRET, signature
from simulator.settings import Settings

CLOSES = {"qr": Closes.AT_ONCE, "redirect": Closes.BY_ITS_TIME, "card": Closes.NOT_WHILE_CHARGED}
PREFIXES = {"payment": "pay", "capture": "txn", "refund": "ref"}


class Sandbox:
    """Its doors, ids and notifications."""

    name = GATEWAY

    def __init__(self, books: Books, settings: Settings) -> None:
        self._books = books
        self._settings = settings

    def routes(self) -> list[Route]:
        return MerchantDoors(self._books, self._settings).routes()

    def new_id(self, kind: str) -> str:
        return f"{PREFIXES[kind]}_{secrets.token_hex(10)}"

    def closes(self, method: str) -> Closes:
        return CLOSES[method]

    def waits_for_capture(self, method: str) -> bool:
        return False

    def message(self, kind: str, payment: sqlite3.Row, refund: str, event_id: str) -> str | None:
        message = {
            "id": event_id,
            "type": kind,
            "created_at": rfc3339(self._books.now()),
            "merchant": payment["merchant"],
            "reference": refund or payment["reference"],
            "payment_reference": payment["reference"],
            "data": {"payment": payment["id"], "method": payment["method"]},
        }
        return json.dumps(message, separators=(",", ":"))

    def sealed(self, body: str, *, event_id: str, forged: bool) -> tuple[Mapping[str, str], bytes]:
        secret = WRONG_SECRET if forged else self._settings.webhook_secret
        skew = self._books.faults.figure("clock_skew")
        raw = body.encode()
        return {"Content-Type": "application/json", HEADER: signature(secret, raw, skew)}, raw

    def is_acknowledged(self, answer: httpx.Response) -> bool:
        return answer.is_success
