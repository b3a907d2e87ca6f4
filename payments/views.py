"""What the door hands out: frozen values, never a row that somebody could save."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from payments import registry
from payments.models import Payment, Refund
from payments.models.payment import UNSETTLED, Role


class Closing(StrEnum):
    """What `close_intent` can say."""

    CLOSED = "closed"  # nothing can arrive any more
    PAID = "paid"
    WAITING = "waiting"  # something may still arrive; the sweep goes on


@dataclass(frozen=True)
class MethodOffer:
    """A way to pay that can work now."""

    method: str
    title: str
    gateway: str
    needs: tuple[str, ...] = ()  # what the shopper must enter for it: "tax_id"


@dataclass(frozen=True)
class RefundView:
    """A refund as the shopper and the staff API see it. Amounts in minor units."""

    reference: str
    payment: str
    state: str
    amount_minor: int
    currency: str
    kind: str
    reason: str
    created_at: datetime
    done_at: datetime | None

    def as_api(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "payment": self.payment,
            "state": self.state,
            "amount_minor": self.amount_minor,
        }


@dataclass(frozen=True)
class PaymentView:
    """An attempt as the shopper and the API see it. Amounts in minor units."""

    reference: str
    order_reference: str
    gateway: str
    method: str
    state: str
    amount_minor: int
    currency: str
    captured_minor: int
    captured_currency: str
    refunded_minor: int
    refund_pending_minor: int
    settles: bool
    is_live: bool
    may_still_arrive: bool
    being_replaced: bool
    presentation: dict[str, Any] | None
    note: str
    created_at: datetime
    expires_at: datetime
    captured_at: datetime | None
    refunds: tuple[RefundView, ...] = ()
    holds_secret: bool = False  # its presentation has a client token: not for a cache

    @property
    def is_cacheable(self) -> bool:
        """There is something to show, and nothing in it that a cache must not see."""
        return self.presentation is not None and not self.holds_secret

    def as_api(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "gateway": self.gateway,
            "method": self.method,
            "state": self.state,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "refunded_minor": self.refunded_minor,
            "settles": self.settles,
            "presentation": self.presentation,
        }


@dataclass(frozen=True)
class Started:
    """The payment a start request gets: made here, the live one, or one being replaced."""

    payment: PaymentView
    created: bool
    switching: bool = False
    retry_after_seconds: int | None = None

    @property
    def status(self) -> int:
        return 202 if self.switching else 201 if self.created else 200


def refund_view(refund: Refund, payment_reference: str) -> RefundView:
    """The refund's row, frozen."""
    return RefundView(
        reference=refund.reference,
        payment=payment_reference,
        state=refund.state,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        kind=refund.kind,
        reason=refund.reason,
        created_at=refund.created_at,
        done_at=refund.done_at,
    )


def payment_view(
    payment: Payment, order_reference: str, refunds: Iterable[Refund] = ()
) -> PaymentView:
    """The payment's row, frozen; a presentation is shown only while it can be used."""
    usable = payment.role == Role.LIVE and payment.close_wanted_at is None
    return PaymentView(
        reference=payment.reference,
        order_reference=order_reference,
        gateway=payment.gateway,
        method=registry.public_name(payment.gateway, payment.method),
        state=payment.state,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        captured_minor=payment.captured_minor,
        captured_currency=payment.captured_currency,
        refunded_minor=payment.refunded_minor,
        refund_pending_minor=payment.refund_pending_minor,
        settles=payment.role == Role.SETTLING,
        is_live=payment.role == Role.LIVE,
        may_still_arrive=payment.state in UNSETTLED,
        being_replaced=payment.close_wanted_at is not None and payment.role == Role.LIVE,
        presentation=_shown(payment.presentation) if usable else None,
        note=payment.note,
        created_at=payment.created_at,
        expires_at=payment.expires_at,
        captured_at=payment.captured_at,
        refunds=tuple(refund_view(r, payment.reference) for r in refunds),
        holds_secret=bool((payment.presentation or {}).get(WITHHELD)),
    )


def _shown(presentation: dict[str, Any] | None) -> dict[str, Any] | None:
    if presentation is None:
        return None
    return {k: v for k, v in presentation.items() if k != WITHHELD}


#: Beside a stored presentation: which of its fields must not be cached.
WITHHELD = "_withheld"
