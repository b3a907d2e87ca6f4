"""A client of the API in this process: its statements can be counted, its rows looked at."""

import uuid
from typing import Any

from django.test import Client


class Buyer:
    """A client of the API, in this process, so that its statements can be counted."""

    def __init__(self) -> None:
        self.client = Client()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(
            path, body, content_type="application/json", HTTP_IDEMPOTENCY_KEY=uuid.uuid4().hex
        )

    def order(self, lines: int = 1) -> dict[str, Any]:
        skus = [p["sku"] for p in self.client.get("/api/v1/products/").json()][:lines]
        body = {"email": "a@example.com", "lines": [{"sku": s, "quantity": 1} for s in skus]}
        placed: dict[str, Any] = self.post("/api/v1/orders/", body).json()
        return placed

    def pay(self, order: dict[str, Any], method: str = "qr") -> Any:
        return self.post(f"/api/v1/orders/{order['public_id']}/payments/", {"method": method})
