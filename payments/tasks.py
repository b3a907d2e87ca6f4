"""Celery's entries: each finds out from the row whether there is anything to do."""

from celery import shared_task
from django.utils import timezone

from payments import inbox, polling, refunding, reviews, sweeping


@shared_task(name="payments.poll")
def poll(*, reference: str) -> bool:
    """Ask about one payment, if its time has come."""
    return polling.poll(reference, now=timezone.now())


@shared_task(name="payments.process_notification")
def process_notification(*, notification_id: int) -> None:
    """Follow one notification's hint."""
    inbox.process(notification_id, now=timezone.now())


@shared_task(name="payments.drive_refund")
def drive_refund(*, reference: str) -> None:
    """Send a refund or ask about it."""
    refunding.drive(reference, now=timezone.now())


@shared_task(name="payments.sweep")
def sweep() -> dict[str, int]:
    """Do whatever is due by its row."""
    return sweeping.sweep(now=timezone.now())


@shared_task(name="payments.watch")
def watch() -> int:
    """Tell a person about answers that stay away for too long."""
    return reviews.open_overdue(now=timezone.now())
