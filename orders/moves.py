"""The only place where an order's state moves: locked row in, saved row and history out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from orders import status
from orders.models import Order
from orders.problems import OrderNotFound
from shop import history, hot

LOCKED = f"""
SELECT {hot.columns(Order, "orders_order")} FROM orders_order WHERE number = %s
FOR NO KEY UPDATE
"""  # noqa: S608 - our own columns  # nosec B608


def locked(order_reference: str) -> Order:
    """The order, locked until the transaction ends. Raises OrderNotFound."""
    # Keeps out every other mover of this order; lines and movements may still refer to it.
    found = hot.rows(LOCKED, [order_reference], Order)
    if not found:
        raise OrderNotFound
    order: Order = found[0][0]
    return order


def move(
    order: Order,
    arrow: str,
    *,
    source: str,
    now: datetime,
    actor: str = "",
    reason: str = "",
    **fields: Any,
) -> None:
    """Run one transition of a locked order, save it with `fields` and write its history.

    `arrow` names a transition method of `Order`; TransitionNotAllowed if it does not apply.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An order moves inside the transaction that locked it.")
    before = order.state
    getattr(order, arrow)()
    for name, value in fields.items():
        setattr(order, name, value)
    tell(order, "state", *fields)
    history.record(
        subject="order",
        subject_reference=order.number,
        order_reference=order.number,
        from_state=before,
        to_state=order.state,
        source=source,
        actor=actor,
        reason=reason,
        at=now,
    )


def tell(order: Order, *columns: str) -> None:
    """Save columns of a locked order and let its open pages know that something is new."""
    order.version += 1
    hot.update(order, "version", *columns)
    status.announce(order)
