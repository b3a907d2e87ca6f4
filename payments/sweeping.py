"""The sweep: whatever is due by its row is done, whoever forgot it.

It resumes starts whose process died, closes what should be closed, asks what is open, drives
refunds and takes notifications whose task was lost. Any number may run beside each other.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings

from payments import inbox, polling, refunding
from payments.models import Payment, Refund
from shop.logs import get_logger

log = get_logger(__name__)
K = TypeVar("K", int, str)

#: Rows taken at once: claiming them one by one would cost more than asking about them.
BATCH = 500
#: One run ends after this long, so that the next finds a worker.
RUN_SECONDS_MAX = 20.0


def sweep(*, now: datetime) -> dict[str, int]:
    """One pass over everything due; how many of each were handled."""
    began = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)

    return {
        "notifications": _drain(
            lambda at: inbox.claim_due(now=at, limit=BATCH),
            lambda key, at: inbox.process(key, now=at),
            clock,
            began,
        ),
        "payments": _drain(
            lambda at: polling.claim_due(Payment, now=at, limit=BATCH),
            lambda key, at: polling.ask_now(key, now=at, source="sweep"),
            clock,
            began,
        ),
        "refunds": _drain(
            lambda at: polling.claim_due(Refund, now=at, limit=BATCH),
            lambda key, at: refunding.drive(key, now=at),
            clock,
            began,
        ),
    }


def _drain(
    claim: Callable[[datetime], list[K]],
    work: Callable[[K, datetime], object],
    clock: Callable[[], datetime],
    began: float,
) -> int:
    handled = 0
    while time.monotonic() - began < RUN_SECONDS_MAX and (keys := claim(clock())):
        until = time.monotonic() + settings.PAYMENT_LEASE_SECONDS
        for key in keys:
            _one(key, work, clock())
            handled += 1
            if time.monotonic() > until:
                break  # the claim has run out: the rest is due again, for whoever comes first
    return handled


def _one(key: K, work: Callable[[K, datetime], object], at: datetime) -> None:
    try:
        work(key, at)
    except Exception:
        # One broken row must not keep the others from being swept; it stays due.
        log.exception("payments.sweep.failed", key=key)
