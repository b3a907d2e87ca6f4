"""A shopper who buys over HTTP from the running shop, and what the bank's ledger says."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.stack import Stack

SKU = "mug-blue"


class Shopper:
    """One person with one order, told by what they do."""

    def __init__(self, shop: Stack) -> None:
        self.shop = shop
        self.order: dict[str, Any] = {}

    def orders(self, sku: str = SKU, quantity: int = 1) -> httpx.Response:
        body = {"email": "ada@example.com", "lines": [{"sku": sku, "quantity": quantity}]}
        answer = self._post("/api/v1/orders/", body)
        if answer.status_code == 201:
            self.order = answer.json()
        return answer

    def pays_by(self, method: str, key: str | None = None) -> httpx.Response:
        return self._post(f"{self._path}payments/", {"method": method}, key)

    def clicks(self, method: str, times: int) -> list[httpx.Response]:
        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(lambda _: self.pays_by(method), range(times)))

    def cancels(self) -> httpx.Response:
        return self._post(f"{self._path}cancel/", {})

    def sees(self) -> dict[str, Any]:
        seen: dict[str, Any] = self.shop.client.get(self._path).json()
        return seen

    def waits_for(self, state: str, seconds: float = 20) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (seen := self.sees())["state"] != state:
            assert time.monotonic() < deadline, f"{seen['state']}, not {state}: {seen['payments']}"
            time.sleep(0.1)
        return seen

    def net(self) -> int:
        """What the bank holds of this order in the end, by its own ledger."""
        references = [p["reference"] for p in self.sees()["payments"]]
        return self.shop.bank.net(*references) if references else 0

    def comes_to(self, net_minor: int, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while (net := self.net()) != net_minor:
            assert time.monotonic() < deadline, f"the bank holds {net}, not {net_minor}"
            time.sleep(0.1)

    @property
    def owes(self) -> int:
        total: int = self.order["total_minor"]
        return total

    @property
    def _path(self) -> str:
        return f"/api/v1/orders/{self.order['public_id']}/"

    def _post(self, path: str, body: dict[str, Any], key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return self.shop.client.post(path, json=body, headers=headers)


@pytest.fixture
def ada(live_shop: Stack) -> Shopper:
    """Ada has ordered a mug and not paid yet."""
    shopper = Shopper(live_shop)
    assert shopper.orders().status_code == 201
    return shopper
