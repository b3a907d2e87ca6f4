"""What happened to this order and its payments? Sums, attempts and one line of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from orders.models import Order
from payments.models import Payment, PaymentIntent, Refund, ReviewCase
from payments.models.desk import ReviewKind
from payments.models.payment import Role
from payments.timeline import Entry, timeline
from shop.desk.pages import desk_page, desk_response
from shop.desk.powers import ASK, Powers, powers
from shop.desk.verdict import verdict


@dataclass(frozen=True)
class Sums:
    """What was ordered, came and went, in one currency; minor units."""

    currency: str
    ordered_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    pending_minor: int = 0

    @property
    def balance_minor(self) -> int:
        """What is left with the shop once everything pending has gone back."""
        return self.captured_minor - self.refunded_minor - self.pending_minor


@dataclass(frozen=True)
class ShownRefund:
    """A refund and what this member of staff may do about it."""

    row: Refund
    may: Powers
    may_retry: bool = False


@dataclass(frozen=True)
class Attempt:
    """A payment, its refunds, and whether this member of staff may send it back."""

    row: Payment
    refunds: tuple[ShownRefund, ...]
    may_refund: bool

    @property
    def settles(self) -> bool:
        return self.row.role == Role.SETTLING


@desk_page("payments.view_payment")
@require_safe
def order(request: HttpRequest, number: str) -> HttpResponse:
    """The whole story of one order; nothing on it can be edited."""
    found = Order.objects.filter(number=number).select_related("invoice").first()
    intent = PaymentIntent.objects.filter(order_reference=number).first()
    if found is None and intent is None:
        raise Http404
    attempts = list(_attempts(intent, request.user)) if intent else []
    entries = [*timeline(number), *_mails(found)]
    return desk_response(
        request,
        "order",
        f"Order {number}",
        number=number,
        order=found,
        lines=found.lines.all() if found else (),
        invoice=getattr(found, "invoice", None),
        verdict=verdict(found, [attempt.row for attempt in attempts]),
        sums=sums(found, intent, [attempt.row for attempt in attempts]),
        attempts=attempts,
        entries=sorted(entries, key=lambda entry: entry.at),
        cases=ReviewCase.objects.filter(order_reference=number, resolved_at=None),
    )


def sums(order: Order | None, intent: PaymentIntent | None, payments: list[Payment]) -> list[Sums]:
    """One row per currency in which something was ordered or came."""
    owed: dict[str, int] = {}
    if order is not None:
        owed[order.currency] = order.total_minor
    elif intent is not None:
        owed[intent.currency] = intent.amount_minor
    rows = []
    currencies = [*owed, *(p.captured_currency for p in payments if p.captured_currency)]
    for currency in dict.fromkeys(currencies):
        here = [p for p in payments if p.captured_currency == currency]
        rows.append(
            Sums(
                currency,
                owed.get(currency, 0),
                sum(p.captured_minor for p in here),
                sum(p.refunded_minor for p in here),
                sum(p.refund_pending_minor for p in here),
            )
        )
    return rows


def _attempts(intent: PaymentIntent, person: AbstractBaseUser | AnonymousUser) -> Iterator[Attempt]:
    may_refund = _may(person, ASK)
    failed = set(
        ReviewCase.objects.filter(
            order_reference=intent.order_reference, kind=ReviewKind.REFUND_FAILED, resolved_at=None
        ).values_list("subject", flat=True)
    )
    for payment in intent.payments.order_by("id").prefetch_related("refunds"):
        shown = [
            ShownRefund(
                row,
                may=powers(person, row),
                may_retry=may_refund and row.reference in failed,
            )
            for row in sorted(payment.refunds.all(), key=lambda row: row.pk)
        ]
        left = payment.has_money and payment.refundable_minor > 0
        yield Attempt(payment, tuple(shown), may_refund and left)


def _may(person: AbstractBaseUser | AnonymousUser, right: str) -> bool:
    return bool(getattr(person, "has_perm", lambda _: False)(right))


def _mails(order: Order | None) -> Iterator[Entry]:
    """What the shopper was written."""
    for mail in order.mails.all() if order else ():
        state = "sent" if mail.sent_at else f"waiting after {mail.tries} tries"
        at = mail.sent_at or mail.created_at
        yield Entry(at, "mail", mail.get_kind_display(), state, mail.last_error or mail.message_id)
