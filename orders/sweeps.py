"""What orders do by themselves, driven by rows: close what expired, ask what pays too long.

Each run claims a few due orders by moving their next try, so that another worker skips them
and a dead worker's share comes back; the gateway is asked with nothing locked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from orders import closing
from orders.models import Order
from orders.outcomes import reconcile
from orders.problems import OrderAlreadyPaid
from payments import services as payments
from shop.logs import get_logger

log = get_logger(__name__)

#: Few, because each may cost a gateway's whole time limit.
BATCH = 10
#: Below the tasks' own limit of 60 s: what is left is taken by the next run.
RUN_SECONDS = 40
#: A worker that died gives its orders back after this long.
CLAIM = timedelta(seconds=60)
PAUSE_MAX = timedelta(hours=1)


def expire_unpaid_orders(*, now: datetime) -> int:
    """Cancel what expired or was wanted cancelled, once payments proved it; how many ended."""
    return _run(_claim_due_to_close, _close, now=now)


def refresh_paying_orders(*, now: datetime) -> int:
    """Ask about orders that have been paying for long; how many were asked about."""
    return _run(_claim_due_to_ask, _ask, now=now)


def _run(
    claim: Callable[[datetime], list[Order]],
    act: Callable[[Order, datetime], bool],
    *,
    now: datetime,
) -> int:
    until, done, troubles = time.monotonic() + RUN_SECONDS, 0, []
    while time.monotonic() < until and (batch := claim(now)):
        for order in batch:
            try:
                done += act(order, now)
            except Exception as error:
                # One order's trouble must not keep the others waiting; all are raised below.
                log.exception("orders.sweep.failed", order=order.number)
                Order.objects.filter(pk=order.pk).update(last_error=repr(error)[:200])
                troubles.append(error)
    if troubles:
        raise ExceptionGroup(f"{len(troubles)} orders could not be swept", troubles)
    return done


def _claim_due_to_close(now: datetime) -> list[Order]:
    with transaction.atomic(durable=True):
        due = list(
            Order.objects.due_to_close(now).select_for_update(skip_locked=True, no_key=True)[:BATCH]
        )
        for order in due:
            order.next_close_at = now + CLAIM
            if order.cancel_wanted_at is None:
                order.cancel_wanted_at, order.cancel_reason = now, "expired"
            order.version += 1
        columns = ["next_close_at", "cancel_wanted_at", "cancel_reason", "version"]
        Order.objects.bulk_update(due, columns)
    return due


def _close(order: Order, now: datetime) -> bool:
    try:
        ended: bool = closing.close(order, source="expiry", now=now).state == Order.State.CANCELLED
        return ended
    except OrderAlreadyPaid:
        return True  # the best end: the question found the money


def _claim_due_to_ask(now: datetime) -> list[Order]:
    with transaction.atomic(durable=True):
        due = list(
            Order.objects.due_to_ask(now).select_for_update(skip_locked=True, no_key=True)[:BATCH]
        )
        for order in due:
            pause = settings.ORDER_REFRESH_AFTER * 2 ** min(order.check_tries, 10)
            order.next_check_at = now + min(pause, PAUSE_MAX)
            order.check_tries += 1
        Order.objects.bulk_update(due, ["next_check_at", "check_tries"])
    return due


def _ask(order: Order, now: datetime) -> bool:
    payments.refresh_intent(order_reference=order.number, now=now)
    reconcile(order.number, source="sweep", now=now)
    return True
