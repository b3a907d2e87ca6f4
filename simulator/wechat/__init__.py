"""WeChat Pay's side of the wire: APIv3, Native, answers that are all signed."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
from starlette.routing import Route

from simulator import keys, refunds
from simulator.books import Books
from simulator.gateway import Closes
from simulator.settings import Settings
from simulator.wechat import tales
from simulator.wechat.doors import MerchantDoors
from simulator.wechat.signing import CHINA, MCHID, Platform, china_time

TOLD = {
    "payment.paid": ("TRANSACTION.SUCCESS", "transaction"),
    "refund.done": ("REFUND.SUCCESS", "refund"),
    "refund.failed": ("REFUND.ABNORMAL", "refund"),
}
PREFIXES = {"payment": "wx", "capture": "4200", "refund": "5030"}


class Wechat:
    """Its doors, numbers and notifications."""

    name = tales.GATEWAY

    def __init__(self, books: Books, settings: Settings) -> None:
        self._books = books
        self._platform = Platform(keys.folder(settings.data, self.name))

    def routes(self) -> list[Route]:
        return MerchantDoors(self._books, self._platform).routes()

    def new_id(self, kind: str) -> str:
        digits = "".join(secrets.choice("0123456789") for _ in range(16))
        return f"{PREFIXES[kind]}{datetime.now(CHINA):%Y%m%d}{digits}"

    def closes(self, method: str) -> Closes:
        return Closes.AT_ONCE

    def waits_for_capture(self, method: str) -> bool:
        return False

    def message(self, kind: str, payment: sqlite3.Row, refund: str, event_id: str) -> str | None:
        if kind not in TOLD:
            return None
        event_type, original = TOLD[kind]
        return json.dumps({
            "id": event_id,
            "create_time": china_time(self._books.now()),
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": event_type.lower(),
            "original_type": original,
            "told": self._refund(refund) if refund else self._paid(payment),
        })  # fmt: skip

    def sealed(self, body: str, *, event_id: str, forged: bool) -> tuple[Mapping[str, str], bytes]:
        event: dict[str, Any] = json.loads(body)
        original, told = event.pop("original_type"), event.pop("told")
        resource = self._platform.sealed(json.dumps(told).encode(), original)
        raw = json.dumps(event | {"resource": resource | {"original_type": original}}).encode()
        skew = self._books.faults.figure("clock_skew")
        # A signature that must be refused is the platform's own probe.
        headers = self._platform.headers(raw, "", skew=skew, wrong=forged)
        return {"Content-Type": "application/json"} | headers, raw

    def is_acknowledged(self, answer: httpx.Response) -> bool:
        return answer.status_code in (200, 204)

    def _paid(self, payment: sqlite3.Row) -> dict[str, Any]:
        row = self._books.the("SELECT * FROM payments WHERE id = ?", payment["id"])
        return tales.describe(self._books, row)

    def _refund(self, reference: str) -> dict[str, Any]:
        row = refunds.find(self._books, reference)
        if row is None:
            raise LookupError(reference)
        told = tales.describe_refund(self._books, row)
        return {"mchid": MCHID, "refund_status": told.pop("status")} | told
