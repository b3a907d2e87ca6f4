"""PayPal Orders v2: the shopper agrees here, the merchant captures, webhooks are signed by RSA."""

from __future__ import annotations

import json
import sqlite3
import uuid
import zlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.routing import Route

from simulator import refunds
from simulator.books import Books, rfc3339
from simulator.gateway import Closes
from simulator.paypal.account import CERTIFICATE_HOST, CERTIFICATE_PATH, Account
from simulator.paypal.desk import new_id
from simulator.paypal.doors import PayPalDoors
from simulator.paypal.shapes import GATEWAY, Shapes, facts_of
from simulator.settings import Settings

TYPES = {
    "payment.authorized": "CHECKOUT.ORDER.APPROVED",
    "payment.paid": "PAYMENT.CAPTURE.COMPLETED",
    "payment.declined": "PAYMENT.CAPTURE.DENIED",
    "payment.disputed": "CUSTOMER.DISPUTE.CREATED",
    "refund.done": "PAYMENT.CAPTURE.REFUNDED",
    "refund.failed": "PAYMENT.REFUND.FAILED",
}


class PayPal:
    """Its doors, ids and events."""

    name = GATEWAY
    #: A failed attempt, or a shopper who turns back, leaves the same object payable.
    declines_end_nothing = True

    def __init__(self, books: Books, settings: Settings) -> None:
        self._books = books
        self._account = Account(settings.data)
        self._shapes = Shapes(books, self._account.merchant_id)

    def routes(self) -> list[Route]:
        return PayPalDoors(self._books, self._account).routes()

    def new_id(self, kind: str) -> str:
        return new_id()

    def closes(self, method: str) -> Closes:
        return Closes.AT_ONCE

    def waits_for_capture(self, method: str) -> bool:
        return True

    def message(self, kind: str, payment: sqlite3.Row, refund: str, event_id: str) -> str | None:
        payment = self._books.the("SELECT * FROM payments WHERE id = ?", payment["id"])
        about = self._about(kind, payment, refund)
        if not payment["notify_url"] or about is None:
            return None
        event = {
            "id": f"WH-{event_id.removeprefix('evt_').upper()}",
            "event_version": "1.0",
            "resource_version": "2.0",
            "create_time": rfc3339(int(self._books.now())),
            "event_type": TYPES[kind],
            "summary": "Something happened.",
            "resource": about,
            "links": [],
        }
        return json.dumps(event)

    def sealed(self, body: str, *, event_id: str, forged: bool) -> tuple[Mapping[str, str], bytes]:
        raw = body.encode()
        skew = self._books.faults.figure("clock_skew")
        sent_at = rfc3339(int(self._books.now() + skew))
        # The same for each delivery of an event.
        sent_id = str(uuid.uuid5(uuid.NAMESPACE_OID, event_id))
        signed = "|".join((sent_id, sent_at, self._account.webhook_id, str(zlib.crc32(raw))))
        key = self._account.wrong_key if forged else self._account.signing_key
        signature = key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        headers = {
            "Content-Type": "application/json",
            "PayPal-Transmission-Id": sent_id,
            "PayPal-Transmission-Time": sent_at,
            "PayPal-Transmission-Sig": b64encode(signature).decode(),
            "PayPal-Cert-Url": f"https://{CERTIFICATE_HOST}{CERTIFICATE_PATH}",
            "PayPal-Auth-Algo": "SHA256withRSA",
        }
        return headers, raw

    def is_acknowledged(self, answer: httpx.Response) -> bool:
        return answer.is_success

    def _about(self, kind: str, payment: sqlite3.Row, refund: str) -> dict[str, Any] | None:
        """The resource of an event; None where PayPal says nothing."""
        if kind == "payment.authorized":
            return self._shapes.order(payment)
        if kind in ("payment.paid", "payment.declined"):
            return self._shapes.capture(payment)
        if kind == "payment.disputed":
            capture = self._shapes.capture(payment) or {}
            named = {"seller_transaction_id": capture.get("id"),
                     "invoice_number": facts_of(payment)["invoice_id"]}  # fmt: skip
            return {"dispute_id": "PP-D-1", "disputed_transactions": [named]}
        found = refunds.find(self._books, refund) if kind in TYPES else None
        return self._shapes.refund(found) if found is not None else None
