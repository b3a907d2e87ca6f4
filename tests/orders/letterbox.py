"""What the tests of the post share: the relay and the sender run, and mails are read."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage

from django.core import mail as outbox_of_django
from django.utils import timezone

from orders.post import sending
from shop import outbox


def deliver(seconds: float = 0) -> int:
    """Relay the facts, then send what is due; how many mails went out."""
    now = timezone.now() + timedelta(seconds=seconds)
    outbox.relay(now=now)
    return sending.send_mails(now=now)


def inbox() -> list[EmailMessage]:
    """Every mail that went out, oldest first, as its receiver would see it."""
    return [m.message() for m in outbox_of_django.outbox]


def subjects() -> list[str]:
    return [str(m.subject) for m in outbox_of_django.outbox]


def newest(word: str) -> str:
    """The text of the newest mail whose subject has this word."""
    found = [m for m in outbox_of_django.outbox if word in str(m.subject)]
    assert found, subjects()
    return str(found[-1].body).replace("\xa0", " ")
