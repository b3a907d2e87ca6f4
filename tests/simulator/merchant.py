"""A merchant of the simulated bank that speaks the wire protocol by hand."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.bank import Bank


def new_reference() -> str:
    return secrets.token_hex(13).upper()


class Merchant:
    """Opens, asks, closes and refunds; every answer is returned as it came."""

    def __init__(self, bank: Bank, notify_url: str) -> None:
        self.bank = bank
        self.notify_url = notify_url
        self._headers = {"Authorization": f"Bearer {bank.api_key}"}

    def wish(self, method: str = "qr", reference: str = "", **changes: Any) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "merchant": self.bank.merchant,
            "reference": reference or new_reference(),
            "method": method,
            "amount_minor": 2500,
            "currency": "EUR",
            "subject": "Order 1042",
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(minutes=15)).isoformat(),
            "notify_url": self.notify_url,
            "return_url": "http://127.0.0.1:8000/orders/abc/",
            "locale": "en",
        } | changes

    def create(self, wish: dict[str, Any], key: str = "") -> httpx.Response:
        headers = {"Idempotency-Key": key or wish["reference"]}
        return self.send("POST", "/v1/payments", headers=headers, json=wish)

    def opened(self, method: str = "qr", **changes: Any) -> dict[str, Any]:
        answer = self.create(self.wish(method, **changes))
        assert answer.status_code == 201, answer.text
        payment: dict[str, Any] = answer.json()
        return payment

    def paid(self, method: str = "qr", **changes: Any) -> dict[str, Any]:
        reference = self.opened(method, **changes)["reference"]
        assert self.bank.pay(reference).status_code == 200
        return self.shown(reference)

    def shown(self, reference: str) -> dict[str, Any]:
        payment: dict[str, Any] = self.query(reference).json()
        return payment

    def query(self, reference: str) -> httpx.Response:
        return self.send("GET", f"/v1/payments/{reference}")

    def close(self, reference: str, method: str = "qr") -> httpx.Response:
        wish = {"merchant": self.bank.merchant, "method": method}
        return self.send("POST", f"/v1/payments/{reference}/close", json=wish)

    def refund(self, payment: dict[str, Any], amount_minor: int, **changes: Any) -> httpx.Response:
        wish = {
            "merchant": self.bank.merchant,
            "reference": new_reference(),
            "payment_reference": payment["reference"],
            "transaction_id": payment["captures"][0]["transaction_id"],
            "amount_minor": amount_minor,
            "currency": "EUR",
            "reason": "sent back",
        } | changes
        headers = {"Idempotency-Key": wish["reference"]}
        return self.send("POST", "/v1/refunds", headers=headers, json=wish)

    def refund_state(self, reference: str) -> str:
        return str(self.send("GET", f"/v1/refunds/{reference}").json()["state"])

    def send(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, json: object = None
    ) -> httpx.Response:
        sent = self._headers | (headers or {})
        return self.bank.client.request(method, path, headers=sent, json=json)
