"""Review cases: what only a person can decide, one open case per subject.

The number of open ones is kept at zero. Whoever takes or ends one needs the right, and both
are on record; the rows themselves are changed nowhere else.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef

from payments.models import Payment, PaymentIntent, Refund, ReviewCase
from payments.models.desk import ReviewKind
from payments.models.payment import State
from payments.models.refund import RefundState
from payments.problems import ReasonMissing
from shop.models import StaffAction, User
from shop.problems import Problem

RIGHT = "payments.resolve_review"
#: As the column; a longer story belongs into the shop's own tracker.
REASON_LENGTH_MAX = 300
#: One run of the watch looks at this many payments: more would be an outage, not a case each.
OVERDUE_MAX = 200


class CaseMoved(Problem):
    """Somebody else took or ended the case since it was looked at: look again."""

    status = 409
    slug = "case-moved"
    title = "Somebody else took or ended this case meanwhile."


class StillOwed(Problem):
    """Transfer the money, or take the request back: that closes the case."""

    status = 409
    slug = "still-owed"
    title = "This money is still owed: the case ends when a second person confirms the transfer."


def open_case(
    case: ReviewKind, *, subject: str, order_reference: str, now: datetime, **known: Any
) -> None:
    """Open a case, unless the same one is open: the unique index keeps it single."""
    ReviewCase.objects.bulk_create(
        [
            ReviewCase(
                kind=case,
                subject=subject[:140],
                order_reference=order_reference,
                known=known,
                opened_at=now,
            )
        ],
        ignore_conflicts=True,
    )


def claim(*, case_id: int, person: User, held_by: int | None, now: datetime) -> ReviewCase:
    """Take a case, from nobody or from whom the page showed (`held_by`).

    Raises PermissionDenied, ReviewCase.DoesNotExist, CaseMoved.
    """
    with transaction.atomic(durable=True):
        case = _locked(case_id, person)
        if case.resolved_at is not None:
            raise CaseMoved
        if case.claimed_by_id == person.pk:
            return case
        if case.claimed_by_id != held_by:
            raise CaseMoved
        case.claimed_by, case.claimed_at = person, now
        case.save(update_fields=["claimed_by", "claimed_at"])
        _on_record(case, person, "claim_review", now)
    return case


def resolve(*, case_id: int, person: User, reason: str, now: datetime) -> ReviewCase:
    """End a case that nobody else holds, and say why.

    Raises PermissionDenied, ReviewCase.DoesNotExist, CaseMoved, ReasonMissing, StillOwed.
    """
    told = " ".join(reason.split())[:REASON_LENGTH_MAX]
    with transaction.atomic(durable=True):
        case = _locked(case_id, person)
        if case.resolved_at is not None or case.claimed_by_id not in (None, person.pk):
            raise CaseMoved
        if not told:
            raise ReasonMissing
        if awaits_transfer(case):
            raise StillOwed
        case.resolved_by, case.resolved_at, case.resolution = person, now, told
        case.save(update_fields=["resolved_by", "resolved_at", "resolution"])
        _on_record(case, person, "resolve_review", now, told)
    return case


def awaits_transfer(case: ReviewCase) -> bool:
    """No sentence of one person pays a debt: such a case ends with its refund, by two."""
    owed = Refund.objects.filter(reference=case.subject, state=RefundState.REQUESTED)
    return case.kind == ReviewKind.MANUAL_REFUND and owed.exists()


def _locked(case_id: int, person: User) -> ReviewCase:
    if not person.has_perm(RIGHT):
        raise PermissionDenied
    return ReviewCase.objects.select_for_update().get(pk=case_id)


def _on_record(
    case: ReviewCase, person: User, action: str, now: datetime, reason: str = ""
) -> None:
    StaffAction.objects.create(
        actor=person,
        action=action,
        subject=str(case)[:140],
        order_reference=case.order_reference,
        reason=reason,
        detail={"case": case.pk, "kind": case.kind},
        at=now,
    )


def shopper_says_paid(*, order_reference: str, now: datetime) -> None:
    """The shopper said "I have paid", and the gateway, just asked, said that nobody has.

    Once may be haste; after `SAYS_PAID_MAX` times a person compares the two.
    """
    with transaction.atomic(durable=True):
        intent = PaymentIntent.objects.lock().filter(order_reference=order_reference).first()
        if intent is None:
            return
        attempts = list(intent.payments.order_by("id"))
        if any(attempt.has_money for attempt in attempts) or not attempts:
            return
        intent.says_paid_count += 1
        intent.save(update_fields=["says_paid_count"])
        if intent.says_paid_count > settings.SAYS_PAID_MAX:
            newest = attempts[-1]
            open_case(
                ReviewKind.SHOPPER_SAYS_PAID,
                subject=newest.reference,
                order_reference=order_reference,
                now=now,
                said=intent.says_paid_count,
                state=newest.state,
                gateway=newest.gateway,
                attempts=[f"{a.method} {a.state}" for a in attempts],
            )


def open_overdue(*, now: datetime) -> int:
    """Open a case for each payment whose gateway's answer is unknown for too long.

    A case that was resolved meanwhile is not opened anew. How many were found.
    """
    limit = timedelta(seconds=settings.UNKNOWN_MAX_SECONDS)
    known = ReviewCase.objects.filter(
        kind=ReviewKind.POLLING_EXHAUSTED, subject=OuterRef("reference")
    )
    overdue = (
        Payment.objects.filter(state=State.UNKNOWN, created_at__lt=now - limit)
        .exclude(Exists(known))
        .select_related("intent")
        .order_by("created_at")[:OVERDUE_MAX]
    )
    for payment in overdue:
        open_case(
            ReviewKind.POLLING_EXHAUSTED,
            subject=payment.reference,
            order_reference=payment.intent.order_reference,
            now=now,
            state=payment.state,
            unknown_since=payment.created_at.isoformat(),
            last_error=payment.last_error,
        )
    return len(overdue)
