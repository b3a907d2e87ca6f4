"""The staff send money back: once, two of them at the same moment, or in two parts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from chaos.doors import Answer, GaveUp

if TYPE_CHECKING:
    from chaos.visit import Visit

CREATED, COLLIDED = 201, 409


async def refund(visit: Visit) -> None:
    """Refund the settling payment as planned; the sum that was accepted is noted."""
    settling = next((p for p in await visit.attempts() if p["settles"]), None)
    if settling is None:
        return
    total = settling["amount_minor"] - settling["refunded_minor"]
    try:
        if visit.plan.refund == "two parts":
            half = total // 2
            await _ask(visit, settling, half, 0, 0)
            await _ask(visit, settling, total - half, half, 0)
        elif visit.plan.refund == "two staff":
            # Both saw the same page; the same part twice would pass every other check.
            part = total // 2
            await asyncio.gather(*(_ask(visit, settling, part, 0, who) for who in (0, 1)))
        else:
            await _ask(visit, settling, total, 0, 0)
    except GaveUp as left:
        visit.notes.append(f"gave up: {left}")


async def _ask(visit: Visit, payment: dict[str, Any], amount: int, so_far: int, who: int) -> Answer:
    body = {"amount_minor": amount, "refunded_so_far_minor": so_far, "reason": "sent back"}
    # Until it is refused for certain it may have been made: a lost answer is no refusal.
    visit.wanted_back += amount
    answer = await visit.shop.ask(
        "refund",
        "POST",
        f"/api/v1/payments/{payment['reference']}/refunds/",
        body,
        Authorization=f"Token {visit.staff_tokens[who]}",
        **visit.key(f"refund-{who}-{so_far}"),
    )
    if answer.status != CREATED:
        visit.wanted_back -= amount
        visit.collisions += answer.status == COLLIDED
        visit.notes.append(f"refund {answer.status}")
    return answer
