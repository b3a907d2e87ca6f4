"""One shopper's visit, from the basket to the receipt, at the public doors alone."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

import websockets

from chaos.doors import Answer, Door, GaveUp
from chaos.plan import Purchase
from chaos.scenarios import SCENARIOS, SETTLED

#: A shopper looks at the page for so long; what comes later is seen by the judge.
WATCHES_SECONDS = 8.0
LOOKS_EVERY_SECONDS = 0.5


@dataclass
class Visit:
    """What this shopper does and what they see; `record` is what the judge is told."""

    plan: Purchase
    shop: Door
    bank: Door
    shop_url: str
    staff_tokens: tuple[str, str]
    button: bool = True  # the page's script stops a second click
    public_id: str = ""
    order: dict[str, Any] = field(default_factory=dict)
    references: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    caught_by_button: int = 0
    collisions: int = 0
    wanted_back: int = 0  # what the staff sent back, in minor units
    seen: str = ""
    seen_after: float | None = None
    _clicks: int = 0

    async def go(self) -> dict[str, Any]:
        """The whole visit."""
        began = time.time()
        try:
            if await self._place():
                await SCENARIOS[self.plan.scenario](self)
        except GaveUp as left:
            self.notes.append(f"gave up: {left}")
        return self.record(began)

    def record(self, began: float) -> dict[str, Any]:
        """What happened, for the judge and the report."""
        return {
            "n": self.plan.number,
            "scenario": self.plan.scenario,
            "public_id": self.public_id,
            "number": self.order.get("number", ""),
            "total_minor": self.order.get("total_minor", 0),
            "lines": self.lines,
            "references": sorted(self.references),
            "seen": self.seen,
            "seen_after": self.seen_after,
            "wanted_back": self.wanted_back,
            "collisions": self.collisions,
            "caught_by_button": self.caught_by_button,
            "notes": self.notes,
            "began": began,
            "ended": time.time(),
            "asked": self.shop.asked,
        }

    # --- steps -----------------------------------------------------------------------------

    async def _place(self) -> bool:
        wishes = [self.plan.lines]
        if self.plan.scarce:
            wishes.insert(0, ((self.plan.scarce, 1), *self.plan.lines))
        for number, lines in enumerate(wishes):
            self.lines = lines
            body = {
                "email": f"shopper-{self.plan.number}@example.com",
                "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
            }
            answer = await self.shop.ask(
                "place", "POST", "/api/v1/orders/", body, **self.key(f"place-{number}")
            )
            if answer.status == 201:
                self.order, self.public_id = answer.body, answer.body["public_id"]
                return True
            self.notes.append(f"place {answer.status}")
        return False

    def key(self, name: str) -> dict[str, str]:
        """This shopper's idempotency key for one wish."""
        return {"Idempotency-Key": f"{self.plan.key}-{name}"}

    async def click(self, method: str, key: str = "") -> dict[str, Any] | None:
        """Press "pay"; the payment as shown, or None when there is nothing to pay any more."""
        self._clicks += 1
        name = key or f"click-{self._clicks}"
        path = f"/api/v1/orders/{self.public_id}/payments/"
        for _ in range(12):
            answer = await self.shop.ask("pay", "POST", path, {"method": method}, **self.key(name))
            if answer.status != 202:
                break
            await asyncio.sleep(0.4)
        if answer.status not in (200, 201, 202):
            self.notes.append(f"click {answer.status} {_slug(answer)}")
            return None
        payment: dict[str, Any] = {**answer.body, "method_asked": method}
        self.references.add(payment["reference"])
        return payment

    async def payable(self, payment: dict[str, Any] | None) -> dict[str, Any] | None:
        """Wait until the page shows how to pay; press once more when it does not."""
        for look in range(12):
            if payment is None or payment["state"] in ("captured", "surplus"):
                return None
            if payment["presentation"] is not None:
                return payment
            await asyncio.sleep(0.3)
            if payment["state"] in ("declined", "closed") or look % 4 == 3:
                payment = await self.click(payment["method_asked"])
            else:
                payment = await self._look_again(payment)
        return None

    async def pay(self, payment: dict[str, Any] | None) -> bool:
        """Be the shopper's phone; whether the bank took it."""
        if payment is None:
            return False
        return await self.pay_reference(payment["reference"])

    async def pay_reference(self, reference: str) -> bool:
        """Confirm on the phone what the bank holds open under this reference."""
        answer = await self.bank.ask("phone", "POST", f"/payments/{reference}/pay")
        return answer.status == 200

    async def start(self, method: str, key: str = "") -> dict[str, Any] | None:
        """Press and wait for something that can be paid."""
        return await self.payable(await self.click(method, key))

    async def _look_again(self, payment: dict[str, Any]) -> dict[str, Any]:
        for shown in await self.attempts():
            if shown["reference"] == payment["reference"]:
                return {**shown, "method_asked": payment["method_asked"]}
        return payment

    async def attempts(self) -> list[dict[str, Any]]:
        """Every attempt of the order, as its page shows them."""
        answer = await self.shop.ask("read", "GET", f"/api/v1/orders/{self.public_id}/")
        if answer.status != 200:
            return []
        shown: list[dict[str, Any]] = answer.body["payments"]
        self.references.update(payment["reference"] for payment in shown)
        return shown

    async def pause(self, least: float, most: float) -> None:
        """A person's pause, longer or shorter by temperament."""
        await asyncio.sleep(least + (most - least) * self.plan.haste)

    # --- watching ----------------------------------------------------------------------------

    async def watch(self, seconds: float = WATCHES_SECONDS) -> str:
        """Look at the page until the order has come to rest, or for so long."""
        began = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                look = self._by_socket if self.plan.by_socket else self._by_polling
                while self.seen not in SETTLED:
                    await look()
        if self.seen in SETTLED:
            self.seen_after = round(time.monotonic() - began, 3)
        return self.seen

    async def _by_polling(self) -> None:
        path, etag = f"/api/v1/orders/{self.public_id}/status/", ""
        while self.seen not in SETTLED:
            more = {"If-None-Match": etag} if etag else {}
            answer = await self.shop.once("status", "GET", path, **more)
            if answer is not None and answer.status == 200:
                self.seen, etag = answer.body["state"], answer.headers["etag"]
            if self.seen not in SETTLED:
                await asyncio.sleep(LOOKS_EVERY_SECONDS)

    async def _by_socket(self) -> None:
        address = f"ws{self.shop_url[4:]}/ws/orders/{self.public_id}/"
        origin: Any = self.shop_url
        try:
            async with websockets.connect(address, origin=origin, proxy=None) as socket:
                async for message in socket:
                    self.seen = json.loads(message)["state"]
                    if self.seen in SETTLED:
                        return
        except (OSError, websockets.WebSocketException):
            # The page falls back to asking, as the shop's own script does.
            await self._by_polling_once()

    async def _by_polling_once(self) -> None:
        await asyncio.sleep(LOOKS_EVERY_SECONDS)
        path = f"/api/v1/orders/{self.public_id}/status/"
        answer = await self.shop.once("status", "GET", path)
        if answer is not None and answer.status == 200:
            self.seen = answer.body["state"]


def _slug(answer: Answer) -> str:
    told = answer.body.get("type", "") if isinstance(answer.body, dict) else ""
    return str(told).rpartition(":")[2]
