"""What the database says about the shop right now, for /metrics: read when asked, never kept.

Three statements over small partial indexes, each cut off after half a second: a scrape must
not be what keeps a tired database busy. When it does not answer, `payonce_figures_up` is 0 and
the rest is absent, which is not the same as zero.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from django.db import DatabaseError, connection, transaction
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

from payments.models.desk import ReviewKind
from shop.logs import get_logger

log = get_logger(__name__)

SCRAPE_MILLISECONDS_MAX = 500
#: Column of figures.sql -> (metric, what it says).
FIGURES = {
    "in_doubt": ("payonce_payments_in_doubt", "Payments whose gateway has not answered yet"),
    "in_doubt_age": ("payonce_payments_in_doubt_oldest_seconds", "Age of the oldest of them"),
    "polls_overdue": ("payonce_polls_overdue", "Payments to be asked about for over 30 s"),
    "outbox": ("payonce_outbox_messages", "Facts that were not delivered yet"),
    "outbox_age": ("payonce_outbox_oldest_seconds", "Age of the oldest of them"),
    "outbox_stuck": ("payonce_outbox_stuck", "Facts that a person was told about"),
    "callbacks_waiting": ("payonce_callbacks_waiting", "Notifications not followed yet"),
    "callback_lag": ("payonce_callback_lag_seconds", "Age of the oldest of them"),
    "refunds_pending": ("payonce_refunds_pending", "Refunds on their way back"),
    "refunds_pending_age": ("payonce_refunds_pending_oldest_seconds", "Age of the oldest"),
    "refunds_waiting": ("payonce_refunds_waiting", "Refunds that wait for a person"),
    "refunds_waiting_age": ("payonce_refunds_waiting_oldest_seconds", "Age of the oldest"),
    "lock_waits": ("payonce_lock_waits", "Connections that wait for a lock"),
    "lock_wait_age": ("payonce_lock_wait_oldest_seconds", "How long the longest has waited"),
    "beat_age": ("payonce_beat_age_seconds", "Since beat's last heartbeat went through a worker"),
}
OPEN_CASES = """
    SELECT kind, count(*), extract(epoch FROM now() - min(opened_at))
    FROM payments_reviewcase WHERE resolved_at IS NULL GROUP BY kind
"""
#: The newest notification of each gateway, by walking the key backwards from the newest row.
LAST_CALLBACKS = """
    SELECT gateway, extract(epoch FROM max(received_at)) FROM (
        SELECT gateway, received_at FROM payments_notification ORDER BY id DESC LIMIT 200
    ) AS newest GROUP BY gateway
"""


class Figures(Collector):
    """Prometheus asks, the database answers."""

    def describe(self) -> Iterable[Metric]:
        """Names and meanings, without asking the database."""
        yield from (GaugeMetricFamily(name, told) for name, told in FIGURES.values())
        yield from (_cases(), _cases_age(), _last_callbacks(), _up(None))

    def collect(self) -> Iterator[Metric]:
        """Everything, or only that the database did not answer."""
        try:
            read = list(_read())
        except DatabaseError as error:
            log.warning("figures.unreadable", error=type(error).__name__)
            yield _up(0)
            return
        yield from read
        yield _up(1)


def _read() -> Iterator[Metric]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {SCRAPE_MILLISECONDS_MAX}")
        cursor.execute(_sql())
        names = [column.name for column in cursor.description or ()]
        found = dict(zip(names, cursor.fetchone() or (), strict=True))
        cursor.execute(OPEN_CASES)
        cases = cursor.fetchall()
        cursor.execute(LAST_CALLBACKS)
        callbacks = cursor.fetchall()
    for column, (name, told) in FIGURES.items():
        # No heartbeat ever is no age, not a fresh one.
        value = float("inf") if found[column] is None else float(found[column])
        yield GaugeMetricFamily(name, told, value)
    counts, ages = _cases(), _cases_age()
    known = {kind: (count, age) for kind, count, age in cases}
    for kind in ReviewKind.values:
        count, age = known.get(kind, (0, 0))
        counts.add_metric([kind], float(count))
        ages.add_metric([kind], float(age))
    last = _last_callbacks()
    for gateway, at in callbacks:
        last.add_metric([gateway], float(at))
    yield from (counts, ages, last)


@cache
def _sql() -> str:
    return (Path(__file__).parent / "figures.sql").read_text()


def _cases() -> GaugeMetricFamily:
    return GaugeMetricFamily("payonce_review_cases_open", "Cases for a person", labels=["kind"])


def _cases_age() -> GaugeMetricFamily:
    told = "Age of the oldest open case"
    return GaugeMetricFamily("payonce_review_cases_oldest_seconds", told, labels=["kind"])


def _last_callbacks() -> GaugeMetricFamily:
    told = "When a gateway's newest notification came, in Unix time"
    return GaugeMetricFamily("payonce_callback_last_timestamp_seconds", told, labels=["gateway"])


def _up(value: float | None) -> GaugeMetricFamily:
    told = "Whether the database answered this scrape"
    return GaugeMetricFamily("payonce_figures_up", told, value)


@cache
def register() -> None:
    """Add the figures to this process' registry, once."""
    REGISTRY.register(Figures())
