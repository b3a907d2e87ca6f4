"""Which one honest page an order has now: decided from the database's facts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orders.models import Order
from payments.services import PaymentView

#: A first answer usually takes a second or two; from here on another method is possible.
MAY_SWITCH_AFTER_SECONDS = 10
#: Most banks have answered by now: say that this one has not.
SLOW_AFTER_SECONDS = 30
#: Time to give the shopper a name for it and somebody to write to.
VERY_SLOW_AFTER_SECONDS = 120
#: A "back from the bank" older than this is a bookmark, not a return.
RETURN_COUNTS_SECONDS = 600


class Situation(StrEnum):
    """The pages an order can have; each is a template of this name."""

    CHOOSE = "choose"  # nothing under way
    DECLINED = "declined"  # the last attempt was refused
    PAY = "pay"  # the shopper can pay now
    CHECKING = "checking"  # the bank has not said what became of it
    SWITCHING = "switching"  # the old attempt is being closed for another method
    CLOSING = "closing"  # cancelled by wish, not yet by proof
    PAID = "paid"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    LATE = "late"  # money came after the end and goes back


OPEN = {Situation.CHOOSE, Situation.DECLINED, Situation.PAY, Situation.CHECKING}
OPEN.add(Situation.SWITCHING)


@dataclass(frozen=True)
class Attempts:
    """An order's payments, sorted by what they mean for its page."""

    live: PaymentView | None
    kept: PaymentView | None  # settles the order
    surplus: tuple[PaymentView, ...]
    earlier: tuple[PaymentView, ...]  # not live, but money may still arrive
    last: PaymentView | None

    @classmethod
    def of(cls, payments: Sequence[PaymentView]) -> Attempts:
        """Sort payments given oldest first."""
        return cls(
            live=next((p for p in payments if p.is_live), None),
            kept=next((p for p in payments if p.settles), None),
            surplus=tuple(p for p in payments if p.captured_minor and not p.settles),
            earlier=tuple(p for p in payments if p.may_still_arrive and not p.is_live),
            last=payments[-1] if payments else None,
        )


def find(
    order: Order, attempts: Attempts, *, asked_at: datetime | None, now: datetime
) -> Situation:
    """The page to show. `asked_at`: when this shopper last came back from the bank or asked."""
    match order.state:
        case Order.State.PAID:
            return Situation.PAID
        case Order.State.REFUNDED:
            return Situation.REFUNDED
        case Order.State.CANCELLED:
            return Situation.LATE if attempts.kept else Situation.CANCELLED
    if order.cancel_wanted_at or order.expires_at <= now:
        return Situation.CLOSING
    if attempts.live is None:
        was_declined = attempts.last is not None and attempts.last.state == "declined"
        return Situation.DECLINED if was_declined else Situation.CHOOSE
    return _while_live(attempts.live, asked_at=asked_at, now=now)


def _while_live(live: PaymentView, *, asked_at: datetime | None, now: datetime) -> Situation:
    if live.being_replaced:
        return Situation.SWITCHING
    if live.presentation is None or live.expires_at <= now:
        return Situation.CHECKING
    # A code stays on the page while we ask; from a bank's own page there is nothing to keep.
    came_back = asked_at is not None and live.presentation["kind"] != "qr"
    return Situation.CHECKING if came_back else Situation.PAY


def waited_seconds(live: PaymentView | None, asked_at: datetime | None, now: datetime) -> float:
    """How long this shopper has waited for the bank's word."""
    if asked_at is not None:
        return (now - asked_at).total_seconds()
    if live is None:
        return 0.0
    since = live.expires_at if live.expires_at <= now else live.created_at
    return (now - since).total_seconds()


def parse_asked(raw: str, now: datetime) -> datetime | None:
    """The moment in a return address; only words depend on it, so a forged one is harmless."""
    if not raw.isascii() or not raw.isdigit() or len(raw) > 10:
        return None
    asked_at = datetime.fromtimestamp(int(raw), tz=now.tzinfo)
    age = (now - asked_at).total_seconds()
    return asked_at if 0 <= age <= RETURN_COUNTS_SECONDS else None
