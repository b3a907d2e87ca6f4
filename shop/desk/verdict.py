"""What happened to this order's money, in a few sentences that need no legend.

Made from the rows alone: whoever answers the telephone reads these before anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from orders.models import Order
from payments.models import Payment, Refund
from payments.models.payment import Role, State
from payments.models.refund import RefundState
from shop.money import format_money

ON_THEIR_WAY = (RefundState.APPROVED, RefundState.SENT, RefundState.PENDING)


def verdict(order: Order | None, payments: Sequence[Payment]) -> list[str]:
    """The sentences, the most important first."""
    settled = [p for p in payments if p.role == Role.SETTLING]
    surplus = [p for p in payments if p.state == State.SURPLUS]
    said = [_paid(payment) for payment in settled] or [_unpaid(order, payments, bool(surplus))]
    for payment in settled:
        said += _went_back("it", payment)
    for payment in surplus:
        said.append(_too_much(payment, paid=bool(settled)))
        said += _went_back("that payment", payment)
    return [*said, *_may_still_arrive(order, payments, paid=bool(settled))]


def _paid(payment: Payment) -> str:
    money = format_money(payment.captured_minor, payment.captured_currency)
    return f"Paid once: {money} by {_where(payment)}, {_when(payment.captured_at)}."


def _unpaid(order: Order | None, payments: Sequence[Payment], has_surplus: bool) -> str:
    if has_surplus:
        return "Not paid: money came, and none of it could pay this order."
    if live := next((p for p in payments if p.role == Role.LIVE), None):
        return _in_the_making(live)
    if order is not None and order.cancelled_at is not None:
        return f"Not paid: the order was cancelled, {_when(order.cancelled_at)}."
    if payments:
        ends = ", ".join(str(p.state) for p in payments)
        return f"Not paid: no attempt of {len(payments)} brought money ({ends})."
    return "Not paid: nobody has tried to pay yet."


def _in_the_making(live: Payment) -> str:
    if live.state == State.OPEN:
        return (
            f"Not paid yet: the shopper can pay by {_where(live)} until {_when(live.expires_at)}."
        )
    asked = f"asked again {_when(live.next_poll_at)}" if live.next_poll_at else "not asked again"
    return (
        f"In doubt since {_when(live.created_at)}: {live.gateway} has not said whether money "
        f"moved by {live.method}; it is {asked}."
    )


def _too_much(payment: Payment, *, paid: bool) -> str:
    money = format_money(payment.captured_minor, payment.captured_currency)
    what = "A second payment came" if paid else "A payment came that could not be kept"
    return f"{what}: {money} by {_where(payment)}, {_when(payment.captured_at)}."


def _went_back(what: str, payment: Payment) -> Iterator[str]:
    """How much of a capture is back at the shopper's, on its way, or stuck."""
    currency = payment.captured_currency
    if payment.refunded_minor and payment.refunded_minor == payment.captured_minor:
        yield f"All of {what} was sent back{_last(payment)}."
    elif payment.refunded_minor:
        yield f"{format_money(payment.refunded_minor, currency)} of {what} was sent back."
    waiting = [r for r in _refunds(payment) if r.state == RefundState.REQUESTED]
    waiting_minor = sum(refund.amount_minor for refund in waiting)
    if payment.refund_pending_minor > waiting_minor:
        money = format_money(payment.refund_pending_minor - waiting_minor, currency)
        states = ", ".join(str(r.state) for r in _refunds(payment) if r.state in ON_THEIR_WAY)
        yield f"{money} of {what} is on its way back ({states})."
    if waiting:
        money = format_money(waiting_minor, currency)
        yield f"{money} of {what} is not sent yet: it waits for a person."
    if payment.state == State.SURPLUS and payment.refundable_minor:
        money = format_money(payment.refundable_minor, currency)
        yield f"{money} of {what} does not go back by itself: a person decides."


def _last(payment: Payment) -> str:
    ends = [refund.done_at for refund in _refunds(payment) if refund.done_at]
    return f", {_when(max(ends))}" if ends else ""


def _refunds(payment: Payment) -> list[Refund]:
    return sorted(payment.refunds.all(), key=lambda refund: refund.pk)


def _may_still_arrive(
    order: Order | None, payments: Sequence[Payment], *, paid: bool
) -> Iterator[str]:
    then = "it would pay the order"
    if paid:
        then = "it would be sent back by itself"
    elif order is not None and order.cancelled_at is not None:
        then = "then the goods are taken again, or it goes back by itself"
    for payment in payments:
        if payment.state == State.SUPERSEDED:
            until = f" until {_when(payment.dead_after)}" if payment.dead_after else ""
            yield (f"An earlier attempt by {_where(payment)} may still bring money{until}; {then}.")


def _where(payment: Payment) -> str:
    return f"{payment.method} at {payment.gateway}"


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "at a time nobody noted"
