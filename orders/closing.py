"""Cancelling: the wish is committed, payments close the intent, and only its answer counts."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from orders import outcomes
from orders.models import Order
from orders.moves import locked, tell
from orders.problems import OrderAlreadyPaid, OrderNotFound
from payments import services as payments
from payments.services import Closing
from shop.idempotency import Claim
from shop.problems import document

#: The first repeat of a close that was not answered; doubles up to an hour.
CLOSE_PAUSE = timedelta(seconds=30)
CLOSE_PAUSE_MAX = timedelta(hours=1)

State = Order.State


def cancel_order(*, public_id: str, claim: Claim | None = None, now: datetime) -> Order:
    """Cancel for the shopper; the order as it then is: cancelled, or still paying.

    Raises OrderNotFound, OrderAlreadyPaid, and the claim's problems.
    """
    order = _want_cancelled(public_id, claim, now=now)
    if order.state == State.CANCELLED:
        return order
    return close(order, source="shopper", now=now, claim=claim)


def close(order: Order, *, source: str, now: datetime, claim: Claim | None = None) -> Order:
    """Close the intent, ask first, and record what that made of the order. Nothing is locked.

    Raises OrderAlreadyPaid.
    """
    answer = payments.close_intent(
        order_reference=order.number,
        amount_minor=order.total_minor,
        currency=order.currency,
        now=now,
    )
    if answer == Closing.PAID:
        _record_paid(order.number, claim, source=source, now=now)
        raise OrderAlreadyPaid
    with transaction.atomic(durable=True):
        payments.lock_intent(order_reference=order.number)
        order = locked(order.number)
        if answer == Closing.CLOSED:
            outcomes.cancel(order, source=source, now=now)
        elif order.is_open:
            _try_again_later(order, now=now)
        if claim is not None:
            claim.store(*as_answer(order), now=now)
    return order


def as_answer(order: Order) -> tuple[int, dict[str, str]]:
    """The API's answer to a cancel: 200 when cancelled, 202 while something may arrive."""
    body = {"public_id": order.public_id, "number": order.number, "state": order.state}
    return (200 if order.state == State.CANCELLED else 202), body


def _want_cancelled(public_id: str, claim: Claim | None, *, now: datetime) -> Order:
    with transaction.atomic(durable=True):
        if claim is not None:
            claim.take(now=now)
        order = _locked_by_public_id(public_id)
        if order.state in (State.PAID, State.REFUNDED):
            raise OrderAlreadyPaid
        if order.state == State.CANCELLED:
            if claim is not None:
                claim.store(*as_answer(order), now=now)
        elif order.cancel_wanted_at is None:
            order.cancel_wanted_at, order.cancel_reason = now, "shopper"
            # The sweep goes on if this process dies before payments answer.
            order.next_close_at = now + CLOSE_PAUSE
            tell(order, "cancel_wanted_at", "cancel_reason", "next_close_at")
    return order


def _locked_by_public_id(public_id: str) -> Order:
    order = Order.objects.select_for_update(no_key=True).filter(public_id=public_id).first()
    if order is None:
        raise OrderNotFound
    return order


def _record_paid(order_reference: str, claim: Claim | None, *, source: str, now: datetime) -> None:
    # Usually the fact was heard already; if its message waits, the order follows now.
    outcomes.reconcile(order_reference, source=source, now=now)
    if claim is not None:
        problem = OrderAlreadyPaid()
        claim.store(problem.status, document(problem), now=now)


def _try_again_later(order: Order, *, now: datetime) -> None:
    """The intent takes no new payment; what was opened before may still be paid."""
    pause = min(CLOSE_PAUSE * 2 ** min(order.close_tries, 10), CLOSE_PAUSE_MAX)
    order.next_close_at = now + pause
    order.close_tries += 1
    tell(order, "next_close_at", "close_tries")
