"""Alipay's side of the wire: gateway.do, RSA2, trades that only a scan brings into being."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx
from starlette.routing import Route

from simulator import keys, refunds
from simulator.alipay import trades
from simulator.alipay.doors import GatewayDoors
from simulator.alipay.signing import china_time, in_yuan, joined, signature
from simulator.books import Books
from simulator.gateway import Closes
from simulator.settings import Settings

#: The one app of the one merchant: names, no secrets.
APP_ID, SELLER_ID = "2021000000000042", "2088000000000001"
TOLD = {
    "payment.paid": "TRADE_SUCCESS",
    "payment.closed": "TRADE_CLOSED",
    "payment.declined": "TRADE_CLOSED",
    "refund.done": "TRADE_SUCCESS",
}


class Alipay:
    """Its doors, numbers and notifications."""

    name = trades.GATEWAY

    def __init__(self, books: Books, settings: Settings) -> None:
        place = keys.folder(settings.data, self.name)
        self._books = books
        self._app_key = keys.rsa_key(place, "app").public_key()
        self._key = keys.rsa_key(place, "gateway")

    def routes(self) -> list[Route]:
        return GatewayDoors(self._books, APP_ID, self._app_key, self._key).routes()

    def new_id(self, kind: str) -> str:
        # A trade has one number, paid or not; a refund has none but the merchant's.
        digits = "".join(secrets.choice("0123456789") for _ in range(20))
        return (
            "" if kind == "capture" else f"{china_time(time.time())[:10].replace('-', '')}{digits}"
        )

    def closes(self, method: str) -> Closes:
        return Closes.AT_ONCE

    def waits_for_capture(self, method: str) -> bool:
        return False

    def message(self, kind: str, payment: sqlite3.Row, refund: str, event_id: str) -> str | None:
        if kind not in TOLD or (kind == "payment.closed" and not trades.exists(payment)):
            return None
        capture = trades.capture_of(self._books, payment)
        amount = in_yuan(capture["amount_minor"] if capture else payment["amount_minor"])
        now = china_time(self._books.now())
        told = {
            "notify_time": now,
            "notify_type": "trade_status_sync",
            "notify_id": event_id,
            "app_id": APP_ID,
            "charset": "utf-8",
            "version": "1.0",
            "sign_type": "RSA2",
            "trade_no": payment["id"],
            "out_trade_no": payment["reference"],
            "out_biz_no": "",
            "buyer_id": "2088000000000042",
            "seller_id": SELLER_ID,
            "trade_status": TOLD[kind],
            "total_amount": amount,
            "receipt_amount": amount,
            "point_amount": "",
            "subject": payment["subject"],
            "body": payment["order_reference"],
            "gmt_create": china_time(payment["created_at"]),
            "gmt_payment": china_time(capture["paid_at"]) if capture else "",
        }
        return json.dumps(told | (self._refund(payment, refund, now) if refund else {}))

    def sealed(self, body: str, *, event_id: str, forged: bool) -> tuple[Mapping[str, str], bytes]:
        told: dict[str, str] = json.loads(body)
        message = joined({name: told[name] for name in told if name != "sign_type"})
        sign = signature(self._key, message, wrong=forged)
        form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return form, urlencode(told | {"sign": sign}).encode()

    def is_acknowledged(self, answer: httpx.Response) -> bool:
        return answer.status_code == 200 and answer.content == b"success"

    def _refund(self, payment: sqlite3.Row, reference: str, now: str) -> dict[str, str]:
        row = refunds.find(self._books, reference)
        return {
            "out_biz_no": reference,
            "trade_status": trades.status(self._books, payment),
            "refund_fee": in_yuan(trades.refunded_minor(self._books, payment)) if row else "",
            "gmt_refund": now,
        }
