"""Celery's entries into orders. What is due stands in the rows: a lost task loses nothing."""

from celery import shared_task
from django.utils import timezone

from orders import services
from orders.post import sending


@shared_task(name="orders.expire_unpaid_orders")
def expire_unpaid_orders() -> int:
    """Close what expired, after asking."""
    return services.expire_unpaid_orders(now=timezone.now())


@shared_task(name="orders.refresh_paying_orders")
def refresh_paying_orders() -> int:
    """Ask about what has been paying for long."""
    return services.refresh_paying_orders(now=timezone.now())


@shared_task(name="orders.send_mails")
def send_mails() -> int:
    """Send the mails that are due."""
    return sending.send_mails(now=timezone.now())


@shared_task(name="orders.send_pushes")
def send_pushes() -> int:
    """Tell browsers what is due."""
    return sending.send_pushes(now=timezone.now())
