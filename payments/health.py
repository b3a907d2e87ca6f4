"""How well each gateway tells us what happened: deliveries, refusals, and who found captures.

Figures are bounded by days and read from rows; a refused delivery leaves a count, its moment
and the reason, never its body: nobody knows who wrote it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from payments import registry
from payments.models import GatewayHealth, Notification, Payment

#: Captures that no notification told of, by the source that the funnel was given.
RESCUERS = {"poll": "poll", "sweep": "sweep", "check": "return", "staff": "staff"}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Health:
    """One gateway's callbacks as they stand; counts are of the last day."""

    gateway: str
    last_good: Notification | None
    refused: int  # ever
    last_refused_at: datetime | None
    last_refused_why: str
    captures: int
    rescued: dict[str, int]
    is_silent: bool

    @property
    def rescued_total(self) -> int:
        """Captures of the last day that no notification told of first."""
        return sum(self.rescued.values())


def count_refusal(gateway: str, why: str, *, now: datetime) -> None:
    """One delivery was not accepted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_gatewayhealth AS health
                (gateway, refused, last_refused_at, last_refused_why) VALUES (%s, 1, %s, %s)
            ON CONFLICT (gateway) DO UPDATE SET refused = health.refused + 1,
                last_refused_at = EXCLUDED.last_refused_at,
                last_refused_why = EXCLUDED.last_refused_why
            """,
            [gateway, now, why[:60]],
        )


def health_of_all(*, now: datetime) -> list[Health]:
    """Every configured gateway, by name."""
    found = found_by(now - DAY, now)
    return [_health(name, found.get(name, {}), now) for name in sorted(registry.configured())]


def _health(gateway: str, found: dict[str, int], now: datetime) -> Health:
    last_good = Notification.objects.filter(gateway=gateway).defer("body").order_by("-pk").first()
    refusals = GatewayHealth.objects.filter(gateway=gateway).first() or GatewayHealth()
    return Health(
        gateway=gateway,
        last_good=last_good,
        refused=refusals.refused,
        last_refused_at=refusals.last_refused_at,
        last_refused_why=refusals.last_refused_why,
        captures=sum(found.values()),
        rescued={who: found[by] for by, who in RESCUERS.items() if by in found},
        is_silent=is_silent(gateway, last_good.received_at if last_good else None, now=now),
    )


def is_silent(gateway: str, last_good_at: datetime | None, *, now: datetime) -> bool:
    """Money came a while ago, and no genuine notification since: the callbacks have stopped."""
    since = max(last_good_at or now - DAY, now - DAY)
    until = now - timedelta(seconds=settings.SILENCE_SECONDS)
    if since >= until:
        return False  # no time to look at; the index would read all that is new
    # Counted, not looked for: to find one, PostgreSQL would rather read all from the first day on.
    captured = Payment.objects.filter(captured_at__gt=since, captured_at__lte=until)
    return captured.filter(gateway=gateway).count() > 0


def found_by(first: datetime, last: datetime) -> dict[str, dict[str, int]]:
    """Of the money captured in this time: gateway -> who told us first -> how many captures."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.gateway, h.source, count(*)
            FROM payments_payment p
            JOIN shop_statechange h ON h.subject = 'payment'
                AND h.subject_reference = p.reference AND h.to_state IN ('captured', 'surplus')
            WHERE p.captured_at >= %s AND p.captured_at < %s
            GROUP BY p.gateway, h.source
            """,
            [first, last],
        )
        found: dict[str, dict[str, int]] = {}
        for gateway, source, count in cursor.fetchall():
            found.setdefault(gateway, {})[source] = count
    return found
