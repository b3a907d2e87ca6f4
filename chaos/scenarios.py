"""How people buy: one function a scenario, each telling what this shopper does."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chaos.staff import refund

if TYPE_CHECKING:
    from chaos.visit import Visit

SETTLED = {"paid", "refunded", "cancelled"}


async def one_click(visit: Visit) -> None:
    """Choose, pay, done."""
    payment = await visit.start(visit.plan.method)
    await visit.pause(0.05, 0.5)
    if not await visit.pay(payment):
        await _pay_again(visit)
    await _finish(visit)


async def double_click(visit: Visit) -> None:
    """The same button twice: the page's script stops the second one, if there are scripts."""
    payments: tuple[dict[str, Any] | None, ...]
    if visit.button and visit.plan.has_scripts:
        visit.caught_by_button += 1
        payments = (await visit.start(visit.plan.method, "form"),)
    else:
        second = "form" if visit.plan.same_key else "form-again"
        payments = await asyncio.gather(
            visit.start(visit.plan.method, "form"), visit.start(visit.plan.method, second)
        )
    for payment in payments:
        await visit.pay(payment)
    await _finish(visit)


async def two_tabs(visit: Visit) -> None:
    """Two tabs, two channels; whoever pays both gets one back."""

    async def second() -> dict[str, Any] | None:
        await visit.pause(0, 0.6)
        return await visit.start(visit.plan.other)

    payments = await asyncio.gather(visit.start(visit.plan.method), second())
    await visit.attempts()
    wanted = visit.references if visit.plan.pays_both else {p["reference"] for p in payments if p}
    for reference in sorted(wanted):
        if await visit.pay_reference(reference) and not visit.plan.pays_both:
            break
    await _finish(visit)


async def switch(visit: Visit) -> None:
    """Begins one way, goes back, pays another way; some then pay the first one too."""
    first = await visit.start(visit.plan.method)
    await visit.pause(0.1, 0.8)
    payment = await visit.start(visit.plan.other)
    if not await visit.pay(payment):
        await _pay_again(visit)
    if first and visit.plan.pays_both:
        await visit.pay(first)
    await _finish(visit)


async def abandon(visit: Visit) -> None:
    """Sees the code and closes the laptop."""
    await visit.start(visit.plan.method)


async def late(visit: Visit) -> None:
    """Cancels, or lets the order run out, and pays all the same."""
    payment = await visit.start(visit.plan.method)
    if visit.plan.cancels:
        path = f"/api/v1/orders/{visit.public_id}/cancel/"
        answer = await visit.shop.ask("cancel", "POST", path, {}, **visit.key("cancel"))
        visit.notes.append(f"cancel {answer.status}")
    else:
        ends = datetime.fromisoformat(visit.order["expires_at"]).timestamp()
        await asyncio.sleep(max(0.0, ends - time.time() + 0.2))
    await visit.pay(payment)
    await visit.watch()


async def decline(visit: Visit) -> None:
    """The bank says no once; the second time it works."""
    payment = await visit.start(visit.plan.method)
    if payment is not None:
        await visit.bank.ask("phone", "POST", f"/payments/{payment['reference']}/decline")
        await visit.pause(0.2, 0.8)
    payment = await visit.start(visit.plan.method)
    await visit.pay(payment)
    await _finish(visit)


async def _pay_again(visit: Visit) -> None:
    """The code had run out, or nothing could be shown: press once more."""
    if await visit.watch(1.0) not in SETTLED:
        payment = await visit.start(visit.plan.method)
        await visit.pay(payment)


async def _finish(visit: Visit) -> None:
    """See it through; some orders are then refunded by the staff."""
    if await visit.watch() == "paid" and visit.plan.refund:
        await refund(visit)


SCENARIOS = {
    "one click": one_click,
    "double click": double_click,
    "two tabs": two_tabs,
    "switch": switch,
    "abandon": abandon,
    "late": late,
    "decline": decline,
}
