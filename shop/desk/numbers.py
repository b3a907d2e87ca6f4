"""The dashboard's figures: a few sums over days, kept for half a minute.

Every statement is bounded by days or by a partial index; none reads the whole history.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from payments import daybook, registry
from payments.health import found_by
from payments.models import Payment, Refund, ReviewCase
from payments.models.payment import State
from payments.models.refund import RefundState
from shop import courtesy

DAYS_SHOWN = 28
KEPT_SECONDS = 30
#: How old a doubt is: up to so many seconds, in words.
AGES = (
    (60, "under a minute"),
    (600, "up to 10 minutes"),
    (3600, "up to an hour"),
    (86400, "up to a day"),
    (None, "over a day"),
)
#: One pass over the attempts that began in the span: by day, way to pay, kind and device.
ATTEMPTS = """
    SELECT (p.created_at AT TIME ZONE 'UTC')::date, p.gateway, p.method,
        coalesce(p.presentation ->> 'kind', ''), coalesce(p.request ->> 'device', ''),
        count(*),
        count(*) FILTER (WHERE p.state = 'captured'),
        count(*) FILTER (WHERE p.state = 'declined'),
        count(*) FILTER (WHERE p.state = 'surplus'),
        count(*) FILTER (WHERE w.id IS NOT NULL AND p.role = 'none' AND p.captured_at IS NULL)
    FROM payments_payment p
    LEFT JOIN payments_payment w ON w.intent_id = p.intent_id AND w.role = 'settling'
    WHERE p.created_at >= %s AND p.created_at < %s
    GROUP BY 1, 2, 3, 4, 5
"""
#: From the gateway's own moment of the capture until we knew of it.
LAG = """
    SELECT gateway, count(*),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY greatest(ended_at - captured_at, '0')),
        percentile_cont(0.95) WITHIN GROUP (ORDER BY greatest(ended_at - captured_at, '0'))
    FROM payments_payment
    WHERE captured_at >= %s AND captured_at < %s AND ended_at IS NOT NULL GROUP BY gateway
"""


@dataclass
class Tally:
    """Attempts of one group, counted."""

    started: int = 0
    paid: int = 0
    declined: int = 0
    surplus: int = 0
    stopped: int = 0  # second attempts that ended unpaid because another one paid the order

    def add(self, *more: int) -> None:
        """Count more of them."""
        for name, count in zip(vars(self), more, strict=True):
            setattr(self, name, getattr(self, name) + count)

    @property
    def rate(self) -> float | None:
        """Paid for each started, 0 to 1; None when nothing was started."""
        return self.paid / self.started if self.started else None

    @property
    def percent(self) -> str:
        """The rate for people."""
        return "–" if self.rate is None else f"{self.rate:.0%}"


def figures(*, now: datetime) -> dict[str, Any]:
    """All that the dashboard shows, at most half a minute old."""
    kept: dict[str, Any] | None = courtesy.get("desk:figures")
    if kept is None:
        kept = _read(now)
        courtesy.put("desk:figures", kept, seconds=KEPT_SECONDS)
    return kept


def _read(now: datetime) -> dict[str, Any]:
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=DAYS_SHOWN - 1)
    since, until = daybook.bounds(first)[0], daybook.bounds(today)[1]
    return {
        "first": first,
        "today": today,
        **_attempts(since, until, first, today),
        "doubts": _doubts(now),
        "refunds": _open_refunds(),
        "returned": _returned(since),
        "lags": _lags(now - timedelta(days=1), now),
        "cases": ReviewCase.objects.filter(resolved_at=None).count(),
    }


def _attempts(since: datetime, until: datetime, first: date, today: date) -> dict[str, Any]:
    days = {first + timedelta(days=n): Tally() for n in range(DAYS_SHOWN)}
    ways: dict[str, Tally] = {}
    kinds: dict[str, Tally] = {}
    devices: dict[str, Tally] = {}
    todays: dict[str, Tally] = {}
    with connection.cursor() as cursor:
        cursor.execute(ATTEMPTS, [since, until])
        for day, gateway, method, kind, device, *counts in cursor.fetchall():
            way = f"{registry.public_name(gateway, method)} ({gateway})"
            groups = [(ways, way), (kinds, kind or "never opened"), (devices, device or "unknown")]
            groups += [(todays, way)] if day == today else []
            days[day].add(*counts)
            for group, name in groups:
                group.setdefault(name, Tally()).add(*counts)
    return {
        "days": days,
        **{
            name: dict(sorted(group.items()))
            for name, group in (("ways", ways), ("kinds", kinds), ("devices", devices),
                                ("todays", todays))
        },
    }  # fmt: skip


def _doubts(now: datetime) -> list[tuple[str, int, int]]:
    """By age: how many have no answer, and how many were replaced but may still be paid."""
    filters, newer = {}, now + timedelta(days=1)
    for number, (seconds, _) in enumerate(AGES):
        aged = Q(created_at__lte=newer)
        if seconds is not None:
            newer = now - timedelta(seconds=seconds)
            aged &= Q(created_at__gt=newer)
        for state in (State.UNKNOWN, State.SUPERSEDED):
            filters[f"{state}_{number}"] = Count("pk", filter=aged & Q(state=state))
    counted = Payment.objects.filter(state__in=[State.UNKNOWN, State.SUPERSEDED]).aggregate(
        **filters
    )
    return [
        (words, counted[f"{State.UNKNOWN}_{n}"], counted[f"{State.SUPERSEDED}_{n}"])
        for n, (_, words) in enumerate(AGES)
    ]


def _open_refunds() -> dict[str, int]:
    """Refunds that are not done, by state; each of them is in one of two partial indexes."""
    waiting = Q(state=RefundState.REQUESTED) | Q(next_poll_at__isnull=False)
    counted = Refund.objects.filter(waiting).values_list("state").annotate(Count("pk"))
    return dict(sorted(counted.order_by()))


def _returned(since: datetime) -> int:
    """Captures of the span that paid no order and went, or go, back by themselves."""
    return Payment.objects.filter(captured_at__gte=since, state=State.SURPLUS).count()


def _lags(since: datetime, until: datetime) -> list[dict[str, Any]]:
    found = found_by(since, until)
    with connection.cursor() as cursor:
        cursor.execute(LAG, [since, until])
        return [
            {
                "gateway": gateway,
                "captures": count,
                "half": half.total_seconds(),
                "most": most.total_seconds(),
                "found_by": sorted(found.get(gateway, {}).items()),
            }
            for gateway, count, half, most in sorted(cursor.fetchall())
        ]
