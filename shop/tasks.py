"""Celery's entries into the ground."""

from celery import shared_task
from django.utils import timezone

from shop import outbox


@shared_task(name="shop.relay")
def relay() -> int:
    """Deliver the outbox's due messages."""
    return outbox.relay(now=timezone.now())
