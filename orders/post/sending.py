"""The sender: takes due rows one by one, sends outside of any transaction, then marks them.

A process that dies between sending and marking sends again: at least once, with the same
Message-ID. What the network says of a recipient never reaches a log: it may name them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection

from orders.models import Mail, Order, Outgoing, PushMessage
from orders.post.carriers import CarrierDown, NotNow, NotThere
from orders.post.mailing import send_mail
from orders.post.pushing import send_push
from payments import services as payments
from shop import failpoints
from shop.logs import get_logger

log = get_logger(__name__)
Row = TypeVar("Row", bound=Outgoing)

#: Longer than a carrier's time limits together; a worker that died gives its row back then.
LEASE = timedelta(minutes=2)
#: Below the tasks' own limit of 60 s, one slow carrier included.
RUN_SECONDS = 30
PAUSE = timedelta(seconds=15)
PAUSE_MAX = timedelta(hours=1)
#: Ten doublings from 15 seconds, an hour at most, are over three hours: a person is told.
TRIES_BEFORE_REVIEW = 10
#: What is older than that helps nobody, and would only surprise.
WORTH_SENDING = timedelta(days=3)


def send_mails(*, now: datetime, limit: int = 200) -> int:
    """Send what is due; how many went out."""
    return _run(Mail, send_mail, lambda mail: mail.order, now=now, limit=limit)


def send_pushes(*, now: datetime, limit: int = 200) -> int:
    """Tell the browsers that asked; how many were told."""
    return _run(PushMessage, send_push, lambda push: push.subscription.order, now=now, limit=limit)


def _run(
    model: type[Row],
    send: Callable[[Row], None],
    order_of: Callable[[Row], Order],
    *,
    now: datetime,
    limit: int,
) -> int:
    until, sent = time.monotonic() + RUN_SECONDS, 0
    for _ in range(limit):
        row = _claim(model, now=now) if time.monotonic() < until else None
        if row is None:
            break
        if now - row.created_at > WORTH_SENDING:
            _give_up(row, row.last_error or "too old")
            continue
        try:
            send(row)
        except CarrierDown as trouble:
            # Everybody else would wait for the same silence: the next run tries again.
            _postpone(row, order_of(row), str(trouble), now=now)
            break
        except NotNow as trouble:
            _postpone(row, order_of(row), str(trouble), now=now)
        except NotThere as refusal:
            _give_up(row, str(refusal))
        except Exception as error:
            # One row's trouble must not keep the others waiting.
            log.exception("post.failed", kind=row.kind, order=order_of(row).number)
            _postpone(row, order_of(row), type(error).__name__, now=now)
        else:
            failpoints.reach("post.sent")
            _mark_sent(row, now=now)
            sent += 1
    return sent


def _claim(model: type[Row], *, now: datetime) -> Row | None:
    """Take the oldest due row for this worker; others skip the rows we hold."""
    if connection.in_atomic_block:
        raise RuntimeError("Nothing is sent inside a transaction.")
    table = model._meta.db_table
    claimed = model._default_manager.raw(
        f"UPDATE {table} SET next_try_at = %s, tries = tries + 1 WHERE id = ("  # noqa: S608 - our own table  # nosec B608
        f"  SELECT id FROM {table} WHERE next_try_at <= %s"
        "  ORDER BY next_try_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *",
        [now + LEASE, now],
    )
    return next(iter(claimed), None)


def _mark_sent(row: Outgoing, *, now: datetime) -> None:
    _write(row, sent_at=now, next_try_at=None, last_error="")
    log.info("post.sent", kind=row.kind, tries=row.tries)


def _postpone(row: Outgoing, order: Order, why: str, *, now: datetime) -> None:
    wait = min(PAUSE * 2 ** min(row.tries - 1, 12), PAUSE_MAX)
    _write(row, next_try_at=now + wait, last_error=why[:200])
    log.warning("post.postponed", kind=row.kind, why=why, tries=row.tries)
    if row.tries == TRIES_BEFORE_REVIEW:
        payments.review_stuck_message(
            order_reference=order.number, message=f"{type(row).__name__} {row.pk}: {row}", now=now
        )


def _give_up(row: Outgoing, why: str) -> None:
    _write(row, next_try_at=None, last_error=why[:200])
    log.warning("post.given_up", kind=row.kind, why=why, tries=row.tries)


def _write(row: Outgoing, **columns: datetime | str | None) -> None:
    # Not `save()`: a browser that left has taken its rows with it.
    type(row)._default_manager.filter(pk=row.pk).update(**columns)
