"""Whom payments' facts reach: each takes the order's lock, then the state decides.

A fact may come twice, late or out of order. One that could not be heard at once may have been
overtaken when the relay brings it: then its order follows the truth, not the fact.
`shop/wiring.py` lists who hears what.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from orders import outcomes
from orders.events import OrderPaid
from orders.invoices import issue
from orders.models import Order
from orders.moves import locked, tell
from orders.problems import OrderClosed
from payments.events import (
    PaymentCaptured,
    PaymentEnded,
    PaymentStarted,
    RefundDone,
    RefundFailed,
    SurplusCaptured,
)
from shop.outbox import heard_late_by

SOURCE = "payments"


class MoneyFact(Protocol):
    """Any fact about the money of one order."""

    @property
    def order_reference(self) -> str: ...


def catch_up(fact: MoneyFact, *, now: datetime) -> None:
    """A fact that waited: what it says may be old, what payments say now is not."""
    order = locked(fact.order_reference)
    outcomes.follow(order, source=SOURCE, now=now)
    tell(order)


def on_payment_started(fact: PaymentStarted, *, now: datetime) -> None:
    """unpaid → paying, in the start's own transaction; no money has moved, so it may refuse.

    Raises OrderClosed when the order is cancelled or wanted so, although payments were not
    told to close yet. A replay after the attempt's end is undone by `refresh_paying_orders`.
    """
    order = locked(fact.order_reference)
    is_ending = order.is_open and not order.is_payable
    if is_ending or order.state == Order.State.CANCELLED:
        raise OrderClosed
    outcomes.attempt_started(order, source=SOURCE, now=now)


@heard_late_by(catch_up)
def on_payment_captured(fact: PaymentCaptured, *, now: datetime) -> None:
    """Paid and sold; on a cancelled order retaken or sent back."""
    order = locked(fact.order_reference)
    outcomes.money_came(order, captured_at=fact.captured_at, source=SOURCE, now=now)


@heard_late_by(catch_up)
def on_payment_ended(fact: PaymentEnded, *, now: datetime) -> None:
    """Payable again or cancelled, once no money may arrive any more."""
    order = locked(fact.order_reference)
    if fact.may_still_arrive:
        tell(order)
    else:
        outcomes.attempts_ended(order, source=SOURCE, now=now)


def on_surplus_captured(fact: SurplusCaptured, *, now: datetime) -> None:
    """The page shows both payments and which one is on its way back."""
    tell(locked(fact.order_reference))


@heard_late_by(catch_up)
def on_refund_done(fact: RefundDone, *, now: datetime) -> None:
    """Refunded when all of the settling money went back; else the page shows the part."""
    order = locked(fact.order_reference)
    if fact.settles and fact.fully_refunded:
        outcomes.money_went_back(order, refund=fact.refund, source=SOURCE, now=now)
    else:
        tell(order)


@heard_late_by(catch_up)
def on_refund_failed(fact: RefundFailed, *, now: datetime) -> None:
    """Paid again when a refund that was done failed after all."""
    order = locked(fact.order_reference)
    if fact.settles and fact.was_done:
        outcomes.refund_fell_through(order, refund=fact.refund, source=SOURCE, now=now)
    else:
        tell(order)


def issue_invoice(fact: OrderPaid, *, now: datetime) -> None:
    """The relay's: a gap-free number, once per order."""
    issue(fact.order_reference, now=now)
