"""Reconciling from the roof: payments compares, orders says what a reference owes."""

from collections.abc import Callable
from datetime import date, datetime

from orders.models import Order
from payments import reconciling, registry


def owed(order_reference: str) -> tuple[int, str] | None:
    """(Amount in minor units, currency) of an order; None: no such order."""
    return (
        Order.objects.filter(number=order_reference).values_list("total_minor", "currency").first()
    )


def reconcile_day(
    day: date,
    *,
    now: datetime,
    gateways: list[str] | None = None,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> list[reconciling.Result]:
    """One day at these gateways, or at all. Raises Unknown and Refused of the first that fails."""
    found = []
    for name in sorted(gateways or registry.configured()):
        progress(f"{name}: reading the statement of {day} and comparing")
        found.append(
            reconciling.reconcile(gateway=name, day=day, owed=owed, now=now, dry_run=dry_run)
        )
    return found


def reconcile_missing_days(*, now: datetime) -> int:
    """Make up for each past day without a row; how many were compared."""
    return reconciling.reconcile_missing_days(owed=owed, now=now)
