"""What money does to an order: one function per fact, each on a locked order, each repeatable.

Subscribers hear the facts; `reconcile` reads the same truth through the door when a fact was
lost or late. Both end here, so an order moves the same way whoever comes first. The caller
holds the intent's lock, then the order's; stock is locked last.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from orders.events import LateMoneyReturned, OrderCancelled, OrderPaid, OrderRefunded
from orders.models import Order, StockMovement
from orders.moves import locked, move, tell
from orders.stock import move_stock, retake
from payments import services as payments
from shop import outbox

State = Order.State


def attempt_started(order: Order, *, source: str, now: datetime) -> None:
    """unpaid → paying; otherwise nothing new."""
    if order.state == State.UNPAID:
        asked_at = now + settings.ORDER_REFRESH_AFTER
        move(
            order,
            "begin_paying",
            source=source,
            now=now,
            paying_since=now,
            next_check_at=asked_at,
            check_tries=0,
        )
    elif order.state == State.PAYING:
        tell(order)  # another attempt took the first one's place


def money_came(order: Order, *, captured_at: datetime, source: str, now: datetime) -> None:
    """The settling capture: paid, or, when cancelled, paid after all or sent back."""
    if order.is_open:
        move_stock(order.pk, StockMovement.Kind.SELL, now=now)
        _mark_paid(order, "confirm", captured_at, source=source, now=now)
    elif order.state == State.CANCELLED and order.capture_returned_at is None:
        if retake(order.pk, now=now):
            _mark_paid(order, "revive", captured_at, source=source, now=now, reason="late money")
        else:
            # The goods are gone: the refund row is part of this very transaction.
            refund = payments.return_capture(
                order_reference=order.number, reason="paid after cancellation", now=now
            )
            order.capture_returned_at = now
            tell(order, "capture_returned_at")
            outbox.publish(LateMoneyReturned(order.number, refund.reference), now=now)


def attempts_ended(order: Order, *, source: str, now: datetime) -> None:
    """Nothing may arrive any more: cancelled when that was wanted, else payable again."""
    if not order.is_open:
        return
    if order.cancel_wanted_at is not None:
        # Until the intent is known to be closed, the one who closes it records the end.
        if order.is_closed_to_new_payments:
            cancel(order, source=source, now=now)
    elif order.state == State.PAYING:
        move(order, "stop_paying", source=source, now=now, paying_since=None, next_check_at=None)


def cancel(order: Order, *, source: str, now: datetime) -> None:
    """Closed unpaid, proven by the gateway's answer: the pieces go back."""
    if not order.is_open:
        return
    move_stock(order.pk, StockMovement.Kind.RELEASE, now=now)
    move(
        order,
        "cancel",
        source=source,
        now=now,
        reason=order.cancel_reason,
        cancelled_at=now,
        next_close_at=None,
        next_check_at=None,
    )
    outbox.publish(OrderCancelled(order.number, order.cancel_reason), now=now)


def money_went_back(order: Order, *, refund: str, source: str, now: datetime) -> None:
    """All of the settling capture was refunded."""
    if order.state == State.PAID:
        move(order, "refund", source=source, now=now, reason=refund)
        outbox.publish(OrderRefunded(order.number, refund), now=now)
    else:
        tell(order)


def refund_fell_through(order: Order, *, refund: str, source: str, now: datetime) -> None:
    """A refund that was done failed after all: the money is still here."""
    if order.state == State.REFUNDED:
        move(order, "unrefund", source=source, now=now, reason=refund)
    else:
        tell(order)


def reconcile(order_reference: str, *, source: str, now: datetime) -> Order:
    """Read the truth through payments' door and let the order follow it.

    The net under lost facts: works with outbox and relay stopped. Raises OrderNotFound.
    """
    with transaction.atomic(durable=True):
        payments.lock_intent(order_reference=order_reference)
        order = locked(order_reference)
        follow(order, source=source, now=now)
    return order


def follow(order: Order, *, source: str, now: datetime) -> None:
    """Move the order to what is true of its payments now, whatever was told and when."""
    attempts = payments.list_payments(order_reference=order.number)
    settling = next((p for p in attempts if p.settles), None)
    if settling is not None:
        _follow_settled(order, settling, source=source, now=now)
    elif not any(p.may_still_arrive for p in attempts):
        attempts_ended(order, source=source, now=now)
    elif order.state == State.UNPAID:
        attempt_started(order, source=source, now=now)


def _follow_settled(
    order: Order, settling: payments.PaymentView, *, source: str, now: datetime
) -> None:
    # On a cancelled order only money that is not on its way back already is late money.
    back_minor = settling.refunded_minor + settling.refund_pending_minor
    is_late = order.state == State.CANCELLED and back_minor < settling.captured_minor
    if order.is_open or is_late:
        money_came(order, captured_at=settling.captured_at or now, source=source, now=now)
    if order.state == State.PAID and settling.refunded_minor >= order.total_minor:
        refund = settling.refunds[-1].reference if settling.refunds else ""
        money_went_back(order, refund=refund, source=source, now=now)
    elif order.state == State.REFUNDED and settling.refunded_minor < order.total_minor:
        refund_fell_through(order, refund="", source=source, now=now)


def _mark_paid(
    order: Order, arrow: str, paid_at: datetime, *, source: str, now: datetime, reason: str = ""
) -> None:
    move(
        order,
        arrow,
        source=source,
        now=now,
        reason=reason,
        paid_at=paid_at,
        next_close_at=None,
        next_check_at=None,
    )
    outbox.publish(OrderPaid(order.number, order.total_minor, order.currency, paid_at), now=now)
