"""A day's reconciliation: adopt, compare, write it down, tell a person, sign off.

One row per gateway and day, and a repeat writes it anew: it is the last word about that day.
A sign-off holds only for the figures that were signed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction

from payments import breaker, daybook, refunding, registry, reviews
from payments.daybook import Comparison, Problem
from payments.gateways import base
from payments.models import Reconciliation, Refund, ReviewCase
from payments.models.desk import ReviewKind
from payments.models.refund import RefundState
from payments.reconciliation import Movement, Owed, adopt
from shop.logs import get_logger
from shop.models import StaffAction, User
from shop.problems import Problem as Trouble

log = get_logger(__name__)

RIGHT_TO_SIGN = "payments.sign_off"
RIGHT_TO_COMPARE = "payments.compare_day"
#: A day with more differences is an outage of the books: the count says so, the list ends.
DIFFERENCES_KEPT = 10_000
#: The gateway may book the last minutes of a day a little later.
DAY_IS_OVER_AFTER = timedelta(hours=1)


class NotSignable(Trouble):
    """The day is not over, or its differences still wait for a person."""

    status = 409
    slug = "not-signable"
    title = "This day cannot be signed off: it is not over, or a difference is still open."


class FiguresMoved(Trouble):
    """The day was compared again since it was looked at: look again."""

    status = 409
    slug = "figures-moved"
    title = "This day was compared again meanwhile: look at the fresh figures."


@dataclass(frozen=True)
class Result:
    """One gateway's day, as it was found; `adopted` counts what was booked on the way."""

    gateway: str
    day: date
    adopted: int
    comparison: Comparison


def reconcile(
    *, gateway: str, day: date, owed: Owed, now: datetime, dry_run: bool = False
) -> Result:
    """Compare one day at one gateway; a dry run adopts nothing and writes nothing.

    Raises the gateway's Unknown, and Refused where it has no statement.
    """
    rows = breaker.statement(gateway, day)
    adopted = 0
    if not dry_run:
        adopted = sum(adopt(Movement(gateway, row), owed=owed, now=now) for row in rows)
        _follow_refunds(rows, now)
    comparison = daybook.compare(gateway, day, rows)
    if not dry_run and _ask_about_missing_refunds(comparison, now):
        comparison = daybook.compare(gateway, day, rows)
    result = Result(gateway, day, adopted, comparison)
    if not dry_run:
        _write(result, now)
        _open_cases(result, now)
    log.info(
        "payments.reconciled",
        gateway=gateway,
        day=str(day),
        adopted=adopted,
        differences=len(result.comparison.differences),
        dry_run=dry_run,
    )
    return result


def _follow_refunds(rows: Sequence[base.StatementRow], now: datetime) -> None:
    """A refund that the gateway has made and we still wait for is asked about first."""
    references = [row.refund_reference for row in rows if row.kind == "refund"]
    waiting = Refund.objects.filter(reference__in=references).exclude(state=RefundState.DONE)
    for reference in waiting.values_list("reference", flat=True):
        refunding.ask(reference, now=now)


def _ask_about_missing_refunds(comparison: Comparison, now: datetime) -> bool:
    """What we call done and the gateway's books lack may have failed late, and nobody heard."""
    missing = [
        difference.subject
        for difference in comparison.differences
        if difference.kind == "refund" and difference.problem is Problem.MISSING_THERE
    ]
    for reference in missing:
        refunding.ask(reference, now=now)
    return bool(missing)


def _write(result: Result, now: datetime) -> None:
    found = result.comparison
    figures = {
        "matched": found.matched,
        "missing_here": found.count(Problem.MISSING_HERE),
        "missing_there": found.count(Problem.MISSING_THERE),
        "differing": found.count(Problem.DIFFERING),
        "totals": found.totals(),
        "differences": [d.as_json() for d in found.differences[:DIFFERENCES_KEPT]],
    }
    with transaction.atomic(durable=True):
        day, _ = Reconciliation.objects.get_or_create(
            gateway=result.gateway, day=result.day, defaults={"ran_at": now}
        )
        day = Reconciliation.objects.select_for_update().get(pk=day.pk)
        if any(getattr(day, name) != value for name, value in figures.items()):
            # Whoever signed, signed other figures.
            day.signed_off_by = day.signed_off_at = None
        for name, value in figures.items():
            setattr(day, name, value)
        day.ran_at, day.adopted = now, day.adopted + result.adopted
        day.save()


def _open_cases(result: Result, now: datetime) -> None:
    """A person looks at each difference, once: a case that was resolved is not opened anew."""
    subjects = {f"{result.gateway} {d.subject}": d for d in result.comparison.differences}
    known = ReviewCase.objects.filter(kind=ReviewKind.RECONCILIATION, subject__in=list(subjects))
    seen = set(known.values_list("subject", flat=True))
    for subject, difference in subjects.items():
        if subject in seen:
            continue
        reviews.open_case(
            ReviewKind.RECONCILIATION,
            subject=subject,
            order_reference=difference.order_reference,
            now=now,
            gateway=result.gateway,
            day=str(result.day),
            problem=difference.problem.value,
            movement=difference.kind,
            payment=difference.reference,
            there_minor=difference.there_minor,
            here_minor=difference.here_minor,
            currency=difference.currency,
            why=difference.why,
        )


def reconcile_missing_days(*, owed: Owed, now: datetime) -> int:
    """Make up for each past day that was not compared since it was over; how many were.

    Oldest first, so that the newest day stands on top of the staff's list. A gateway that does
    not answer, or has no statement, is left for the next run: no day is written without its word.
    """
    over = (now - DAY_IS_OVER_AFTER).astimezone(UTC).date()
    days = [over - timedelta(days=n) for n in range(settings.RECONCILE_DAYS, 0, -1)]
    rows = Reconciliation.objects.filter(day__in=days).only("gateway", "day", "ran_at")
    finished = {(row.gateway, row.day) for row in rows if row.ran_at >= _over_at(row.day)}
    compared = 0
    for gateway in sorted(registry.configured()):
        missing = [day for day in days if (gateway, day) not in finished]
        compared += _compare_in_turn(gateway, missing, owed, now)
    return compared


def _over_at(day: date) -> datetime:
    """From here on a run has seen the whole day; one from before saw a part of it."""
    return daybook.bounds(day)[1] + DAY_IS_OVER_AFTER


def _compare_in_turn(gateway: str, days: Sequence[date], owed: Owed, now: datetime) -> int:
    """Day by day, until the gateway is silent: each further question would wait in vain."""
    compared = 0
    for day in days:
        try:
            reconcile(gateway=gateway, day=day, owed=owed, now=now)
        except (base.Unknown, base.Refused) as silence:
            log.warning("payments.reconcile.no_statement", gateway=gateway, day=str(day),
                        why=str(silence)[:200])  # fmt: skip
            if isinstance(silence, base.Unknown):
                break
        else:
            compared += 1
    return compared


def open_cases_of(day: Reconciliation) -> int:
    """How many differences of this day still wait for a person."""
    return ReviewCase.objects.filter(
        kind=ReviewKind.RECONCILIATION,
        resolved_at=None,
        known__gateway=day.gateway,
        known__day=str(day.day),
    ).count()


def sign_off(
    *, reconciliation_id: int, ran_at: datetime, person: User, now: datetime
) -> Reconciliation:
    """Say that the figures of this run are right.

    Raises PermissionDenied, Reconciliation.DoesNotExist, FiguresMoved, NotSignable.
    """
    if not person.has_perm(RIGHT_TO_SIGN):
        raise PermissionDenied
    with transaction.atomic(durable=True):
        day = Reconciliation.objects.select_for_update().get(pk=reconciliation_id)
        if day.signed_off_at is not None:
            return day
        if day.ran_at != ran_at:
            raise FiguresMoved
        if day.ran_at < _over_at(day.day) or open_cases_of(day):
            raise NotSignable
        day.signed_off_by, day.signed_off_at = person, now
        day.save(update_fields=["signed_off_by", "signed_off_at"])
        StaffAction.objects.create(
            actor=person,
            action="sign_off",
            subject=str(day),
            detail={"matched": day.matched, "totals": day.totals},
            at=now,
        )
    return day
