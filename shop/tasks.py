"""Celery's entries into the ground."""

from celery import shared_task
from django.utils import timezone

from shop import books, heartbeat, outbox


@shared_task(name="shop.relay")
def relay() -> int:
    """Deliver the outbox's due messages."""
    return outbox.relay(now=timezone.now())


@shared_task(name="shop.heartbeat")
def beat_heartbeat() -> None:
    """Beat's tick has come through the broker to a worker: remember when."""
    heartbeat.beat("beat", now=timezone.now())


@shared_task(name="shop.reconcile")
def reconcile() -> int:
    """Compare each past day that was not compared yet with the gateways' statements."""
    return books.reconcile_missing_days(now=timezone.now())
