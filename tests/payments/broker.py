"""The tasks that were sent: taken from the real broker and run by the test, at its own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from queue import Empty
from typing import Any

from celery import current_app
from django.utils import timezone
from django.utils.dateparse import parse_datetime

QUEUE = "celery"


@dataclass(frozen=True)
class Sent:
    """One task on its way: what, about whom, and in how many seconds from now."""

    name: str
    about: dict[str, Any]
    in_seconds: float


def forget_sent() -> None:
    """Nothing of an earlier test is on its way."""
    current_app.control.purge()


def sent() -> list[Sent]:
    """Everything that was sent since the last look."""
    found = []
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue(QUEUE)
        while True:
            try:
                message = queue.get(block=False)
            except Empty:
                break
            message.ack()
            found.append(_read(message))
        queue.close()
    return found


def _read(message: Any) -> Sent:
    due = message.headers["eta"]
    moment: datetime = (parse_datetime(due) if due else None) or timezone.now()
    _, about, _ = message.payload
    return Sent(message.headers["task"], about, (moment - timezone.now()).total_seconds())
