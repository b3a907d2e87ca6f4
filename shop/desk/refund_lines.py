"""Which pieces of an order went back already, and which can still go: each of them once.

A refund by lines keeps what its amount was made of. `payments` stores that and does not read
it; what counts, the money, is checked there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from orders.models import Order, OrderLine
from payments.models import Payment
from payments.models.refund import RefundState


@dataclass(frozen=True)
class Parts:
    """Pieces by their line's sku, and whether the delivery is among them."""

    pieces: Counter[str] = field(default_factory=Counter)
    delivery: bool = False

    def as_json(self) -> dict[str, Any]:
        """As the refund's row keeps it."""
        lines = {sku: count for sku, count in self.pieces.items() if count}
        return {"lines": lines, "delivery": self.delivery} if lines or self.delivery else {}

    def left_of(self, line: OrderLine) -> int:
        """How many pieces of the line these leave."""
        return max(0, line.quantity - self.pieces[line.sku])

    def worth_minor(self, order: Order, lines: list[OrderLine]) -> int:
        """What they cost."""
        goods = sum(self.pieces[line.sku] * line.unit_price_minor for line in lines)
        return goods + (order.delivery_minor if self.delivery else 0)


def sent_back(payment: Payment) -> Parts:
    """What the refunds of this payment were made of, but for those that failed."""
    pieces: Counter[str] = Counter()
    delivery = False
    rows = payment.refunds.exclude(state=RefundState.FAILED).exclude(parts={})
    for parts in map(read, rows.values_list("parts", flat=True)):
        pieces += parts.pieces
        delivery = delivery or parts.delivery
    return Parts(pieces, delivery)


def read(told: Any) -> Parts:
    """What a row or a form says. Raises ValueError when it says nothing of this kind."""
    if not told:
        return Parts()
    lines = told.get("lines", {}) if isinstance(told, dict) else None
    if not isinstance(lines, dict) or set(told) - {"lines", "delivery"}:
        raise ValueError(told)
    if not all(type(count) is int and count > 0 for count in lines.values()):
        raise ValueError(told)
    return Parts(Counter(lines), told.get("delivery") is True)


def fits(told: Parts, before: Parts, order: Order, amount_minor: int) -> bool:
    """Whether these pieces are the order's, are still left, and cost exactly this."""
    lines = list(order.lines.all())
    known = {line.sku: before.left_of(line) for line in lines}
    if any(count > known.get(sku, 0) for sku, count in told.pieces.items()):
        return False
    if told.delivery and before.delivery:
        return False
    return told.worth_minor(order, lines) == amount_minor
