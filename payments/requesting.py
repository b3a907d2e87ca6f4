"""Staff ask for a refund: checked under the lock, and above a limit a second person decides.

The limits are per currency, in minor units. A sum that is split is still one sum: what one
person sent back on a payment, or within a day, without a second person counts together.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Q, Sum

from payments import booking, refunding
from payments.models import Payment, PaymentIntent, Refund, ReviewCase
from payments.models.desk import ReviewKind
from payments.models.refund import RefundKind, RefundState
from payments.problems import (
    NotRefundable,
    NotRetryable,
    PaymentNotFound,
    RefundedMeanwhile,
    RefundTooLarge,
)
from payments.trail import Trail
from payments.views import RefundView, refund_view
from shop import failpoints
from shop.idempotency import Claim

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class RefundWish:
    """What a member of staff asks for, and the refunded-so-far total that they saw."""

    payment_reference: str
    amount_minor: int
    refunded_so_far_minor: int
    reason: str
    actor: str
    claim: Claim | None = None
    note: str = ""
    parts: dict[str, Any] = field(default_factory=dict)  # what the amount was made of
    tell_shopper: bool = True
    retry_of: str = ""  # the failed refund that this one replaces


def request_refund(wish: RefundWish, *, now: datetime) -> RefundView:
    """Write the refund; send it, or let it wait. Raises what the door's `refund_payment` names."""
    if wish.claim is not None:
        wish.claim.recall()
    with transaction.atomic(durable=True):
        intent, payment = _locked(wish.payment_reference)
        if wish.claim is not None:
            wish.claim.take(now=now)
        _check(wish, payment)
        trail = Trail(intent.order_reference, "staff", now, wish.actor)
        refund = _write(wish, payment, trail)
        if wish.retry_of:
            _replace_failed(wish, payment, refund, now=now)
        trail.write()
        if wish.claim is not None:
            view = refund_view(refund, payment.reference)
            wish.claim.store(201, view.as_api(), now=now)
        failpoints.reach("refund.writing")
    refunding.drive(refund.reference, now=now)
    view = refund_view(Refund.objects.get(pk=refund.pk), payment.reference)
    if wish.claim is not None:
        # The first answer is this one; a crash before it left the one without the gateway's.
        wish.claim.store(201, view.as_api(), now=now)
    return view


def _locked(payment_reference: str) -> tuple[PaymentIntent, Payment]:
    try:
        intent = PaymentIntent.objects.select_for_update(of=("self",)).get(
            payments__reference=payment_reference
        )
    except PaymentIntent.DoesNotExist:
        raise PaymentNotFound from None
    return intent, intent.payments.get(reference=payment_reference)


def _check(wish: RefundWish, payment: Payment) -> None:
    if not payment.has_money:
        raise NotRefundable
    so_far = payment.refunded_minor + payment.refund_pending_minor
    # Two of the staff sending the same partial refund pass every other check.
    if wish.refunded_so_far_minor != so_far:
        raise RefundedMeanwhile(refunded_so_far_minor=so_far)
    if not 0 < wish.amount_minor <= payment.refundable_minor:
        raise RefundTooLarge(refundable_minor=payment.refundable_minor)


def _write(wish: RefundWish, payment: Payment, trail: Trail) -> Refund:
    # Kept out: the same person's other refunds, whose sum decides about this one.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"refunds {wish.actor}"])
    waits = needs_second_person(payment, wish.amount_minor, actor=wish.actor, now=trail.now)
    payment.refund_pending_minor += wish.amount_minor
    payment.save(update_fields=["refund_pending_minor"])
    return booking.write_refund(
        payment,
        wish.amount_minor,
        RefundKind.STAFF,
        trail,
        wish.reason,
        note=wish.note,
        parts=wish.parts,
        tell_shopper=wish.tell_shopper,
        seen_refunded_minor=wish.refunded_so_far_minor,
        waits=waits,
    )


def needs_second_person(payment: Payment, amount_minor: int, *, actor: str, now: datetime) -> bool:
    """Whether this person may not send this much of this payment back alone."""
    currency = payment.captured_currency
    alone = Refund.objects.filter(
        kind=RefundKind.STAFF, actor=actor, approved_by="", currency=currency
    ).exclude(state__in=[RefundState.REQUESTED, RefundState.FAILED])
    sums = alone.filter(Q(payment=payment) | Q(created_at__gt=now - DAY)).aggregate(
        here=Sum("amount_minor", filter=Q(payment=payment), default=0),
        day=Sum("amount_minor", filter=Q(created_at__gt=now - DAY), default=0),
    )
    # A currency without a limit of its own always takes two.
    limit = settings.REFUND_APPROVAL_LIMIT_MINOR.get(currency, 0)
    day_limit = settings.REFUND_DAY_LIMIT_MINOR.get(currency, 0)
    return bool(sums["here"] + amount_minor > limit or sums["day"] + amount_minor > day_limit)


def _replace_failed(wish: RefundWish, payment: Payment, refund: Refund, *, now: datetime) -> None:
    """The failed one's case is answered by the new refund, once. Raises NotRetryable."""
    failed = payment.refunds.filter(reference=wish.retry_of, state=RefundState.FAILED)
    resolved = ReviewCase.objects.filter(
        kind=ReviewKind.REFUND_FAILED, subject=wish.retry_of, resolved_at=None
    ).update(
        resolved_at=now,
        resolved_by=get_user_model().objects.filter(username=wish.actor).first(),
        resolution=f"tried again as {refund.reference}",
    )
    if not (failed.exists() and resolved):
        raise NotRetryable
