"""Shoppers who buy through both web hosts, and ask again at the other when one is silent."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from scripts.hosts import plan
from scripts.hosts.plan import Errand

#: A browser waits longer; a person does not.
CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 12.0
GIVES_UP_SECONDS = 120.0
SLOW_SECONDS = 3.0
LOOKS_EVERY_SECONDS = 1.0
#: So many are in the shop at the same time.
AT_ONCE = 12
#: Asked again at the other host, with the same key.
AGAIN = {429, 500, 502, 503, 504}
IN_FLIGHT = "urn:payonce:problem:idempotency-key-in-flight"
FINAL = {"paid", "refunded"}
NOTHING_TO_PAY = {"captured", "surplus", "declined", "closed"}


class GaveUp(Exception):
    """No host answered for so long that a person would have left."""


@dataclass
class Visit:
    """What one shopper holds in their hands; the judge is told no more."""

    errand: Errand
    orders: list[dict[str, Any]] = field(default_factory=list)
    references: set[str] = field(default_factory=set)
    refunded_minor: int = 0
    #: What was not answered as it should have been.
    complaint: str = ""


@dataclass
class Market:
    """All shoppers of a run."""

    errands: list[Errand]
    staff_token: str
    visits: list[Visit] = field(default_factory=list)
    #: How many errands are over: the run's clock.
    done: int = 0
    stopped: bool = False
    answers: Counter[int] = field(default_factory=Counter)
    moved: int = 0
    #: (seconds, what, orders done by then, each try) of what took longer than a moment.
    slow: list[tuple[float, str, int, str]] = field(default_factory=list)

    def run(self) -> None:
        """Let everybody come and go. Call it on the shoppers' host."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        time_limit = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(timeout=time_limit, trust_env=False) as client:
            self._client = client
            waiting = iter(self.errands)
            await asyncio.gather(*(self._one_after_another(waiting) for _ in range(AT_ONCE)))

    async def _one_after_another(self, waiting: Any) -> None:
        for errand in waiting:
            if self.stopped:
                return
            visit = Visit(errand)
            self.visits.append(visit)
            try:
                await self._go(visit)
            except GaveUp as left:
                visit.complaint = str(left)
            self.done += 1

    # --- the errands ---------------------------------------------------------------------------

    async def _go(self, visit: Visit) -> None:
        order = await self._place(visit)
        way, (method, other) = visit.errand.way, visit.errand.methods
        if way == "cancel":
            # The wallet closes a payment at once; a bank's page only at its time limit.
            await self._start(visit, order, "qr", 0)
            await self._cancel(visit, order)
            return
        if way == "two tabs":
            # Two channels on two hosts at the same moment.
            await asyncio.gather(
                self._start(visit, order, method, 0), self._start(visit, order, other, 1)
            )
        else:
            await self._start(visit, order, method, 0)
        if way == "switch and pay both":
            await self._start(visit, order, other, 0)
        await self._pay(visit, order)
        if visit.errand.refunded:
            await self._refund(visit, order)

    async def _place(self, visit: Visit) -> dict[str, Any]:
        sku = plan.SKUS[visit.errand.number % len(plan.SKUS)]
        body = {
            "email": f"shopper{visit.errand.number}@example.com",
            "lines": [{"sku": sku, "quantity": 1}],
        }
        # One wish with one key, sent to both hosts at once, is one order.
        hosts = (0, 1) if visit.errand.way == "two orders" else (0,)
        placed = await asyncio.gather(
            *(self._ask(visit, "order", "/api/v1/orders/", body, shift) for shift in hosts)
        )
        visit.orders += [answer.json() for answer in placed if answer.status_code == 201]
        if not visit.orders:
            raise GaveUp(f"no order: {placed[0].status_code} {placed[0].text[:200]}")
        return visit.orders[0]

    async def _start(self, visit: Visit, order: dict[str, Any], method: str, shift: int) -> None:
        path = f"/api/v1/orders/{order['public_id']}/payments/"
        for attempt in range(20):
            key = f"{method}-{shift}-{attempt}"
            answer = await self._ask(visit, key, path, {"method": method}, shift)
            if answer.status_code not in (200, 201, 202):
                return  # paid already, by the other tab
            visit.references.add(answer.json()["reference"])
            if answer.status_code != 202 and answer.json()["presentation"]:
                return
            if answer.json()["state"] in ("captured", "surplus"):
                return
            await asyncio.sleep(LOOKS_EVERY_SECONDS)

    async def _cancel(self, visit: Visit, order: dict[str, Any]) -> None:
        path = f"/api/v1/orders/{order['public_id']}/cancel/"
        for attempt in range(20):
            answer = await self._ask(visit, f"cancel-{attempt}", path, {}, 0)
            if answer.status_code != 202:
                return
            await asyncio.sleep(LOOKS_EVERY_SECONDS)

    async def _pay(self, visit: Visit, order: dict[str, Any]) -> None:
        """Be the phone: pay all that one was ever shown, until the page says paid."""
        deadline = time.monotonic() + GIVES_UP_SECONDS
        while time.monotonic() < deadline and not self.stopped:
            for reference in sorted(visit.references):
                await self._phone(reference)
            shown = await self._look(visit, order)
            if shown["state"] in FINAL:
                return
            visit.references |= {payment["reference"] for payment in shown["payments"]}
            if all(payment["state"] in NOTHING_TO_PAY for payment in shown["payments"]):
                await self._start(visit, order, visit.errand.methods[0], 0)
            await asyncio.sleep(LOOKS_EVERY_SECONDS)
        raise GaveUp(f"{order['number']} was never paid")

    async def _phone(self, reference: str) -> None:
        url = f"http://{plan.address('bank')}:8001/payments/{reference}/pay"
        # 404: the bank never heard of it; 409: paid or closed already. The page says what holds.
        await self._client.post(url)

    async def _look(self, visit: Visit, order: dict[str, Any]) -> dict[str, Any]:
        path = f"/api/v1/orders/{order['public_id']}/"
        shown: dict[str, Any] = (await self._ask(visit, "look", path, None, 0)).json()
        return shown

    async def _refund(self, visit: Visit, order: dict[str, Any]) -> None:
        """Two of the staff send the same part back at the same moment, on two hosts."""
        shown = await self._look(visit, order)
        for payment in shown["payments"]:
            if payment["settles"]:
                break
        path = f"/api/v1/payments/{payment['reference']}/refunds/"
        body = {"amount_minor": 100, "refunded_so_far_minor": 0, "reason": "scratched"}
        staff = {"Authorization": f"Token {self.staff_token}"}
        asked = [
            self._ask(visit, f"refund-{shift}", path, body, shift, **staff) for shift in (0, 1)
        ]
        told = [answer.status_code for answer in await asyncio.gather(*asked)]
        visit.refunded_minor = 100 * told.count(201)
        # 409: the other one was first, and the figures have changed.
        if sorted(told) != [201, 409]:
            visit.complaint = f"refunding {order['number']} was answered {told}"

    # --- the wire ------------------------------------------------------------------------------

    async def _ask(
        self, visit: Visit, what: str, path: str, body: Any, shift: int, **more: str
    ) -> httpx.Response:
        """Ask with one key until answered, at the other host whenever one is silent."""
        key = f"hosts-{visit.errand.number:06}-{what}"
        headers = {"Host": plan.SHOP_NAME, "Idempotency-Key": key, **more}
        began, turn, tries = time.monotonic(), visit.errand.first_host + shift, []
        while time.monotonic() - began < GIVES_UP_SECONDS and not self.stopped:
            host = plan.WEBS[turn % len(plan.WEBS)]
            url, asked = f"http://{plan.address(host)}:8000{path}", time.monotonic()
            method = "GET" if body is None else "POST"
            answer = await self._once(method, url, body, headers)
            status = answer.status_code if answer else 0
            tries.append(f"{host} {status} {time.monotonic() - asked:.1f}")
            self.answers[status] += 1
            if answer and status not in AGAIN and not _in_flight(answer):
                if (took := time.monotonic() - began) > SLOW_SECONDS:
                    self.slow.append((round(took, 1), what, self.done, ", ".join(tries)))
                return answer
            turn += 1
            self.moved += 1
            await asyncio.sleep(0.3)
        raise GaveUp(f"{what} was never answered")

    async def _once(
        self, method: str, url: str, body: Any, headers: dict[str, str]
    ) -> httpx.Response | None:
        try:
            return await self._client.request(method, url, json=body, headers=headers)
        except httpx.TransportError:
            return None


def _in_flight(answer: httpx.Response) -> bool:
    return answer.status_code == 409 and IN_FLIGHT in answer.text
