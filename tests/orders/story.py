"""What the tests tell again and again: paying, cancelling, late money, refunds."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from orders import outcomes, services
from orders.models import Order, Product
from orders.moves import locked
from payments import services as payments
from payments import sweeping
from shop.models import StateChange
from tests.bank import Bank
from tests.factories import place


def pay(order: Order, method: str = "qr", **changes: Any) -> payments.Started:
    asked = {"public_id": order.public_id, "method": method, "claim": None, "now": timezone.now()}
    return services.pay_order(**{**asked, **changes})


def fresh(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def stock(product: Product) -> tuple[int, int, int]:
    product.refresh_from_db()
    return product.stock_free, product.stock_reserved, product.stock_sold


def steps(order: Order) -> list[str]:
    rows = StateChange.objects.filter(subject="order", order_reference=order.number)
    return list(rows.order_by("id").values_list("to_state", flat=True))


def retell(handler: Callable[..., None], fact: Any) -> None:
    """Deliver a fact once more, as the relay would."""
    with transaction.atomic():
        payments.lock_intent(order_reference=fact.order_reference)
        handler(fact, now=timezone.now())


def paid_order(bank: Bank) -> Order:
    order = place()
    bank.pay(pay(order).payment.reference)
    services.check_order(public_id=order.public_id, now=timezone.now())
    assert fresh(order).state == "paid"
    return fresh(order)


def cancelled_with_a_payable_page(bank: Bank, good: Product) -> tuple[Order, str]:
    """The order is cancelled although the bank's page can still be paid: facts can be late."""
    order = place((good, 1))
    reference = pay(order, "redirect").payment.reference
    services.cancel_order(public_id=order.public_id, now=timezone.now())
    with transaction.atomic():
        outcomes.cancel(locked(order.number), source="test", now=timezone.now())
    return order, reference


def late_money(bank: Bank, order: Order, reference: str) -> None:
    bank.pay(reference)
    payments.refresh_payment(reference=reference, now=timezone.now())
    services.reconcile(order.number, source="test", now=timezone.now())


def refund(reference: str, amount_minor: int, so_far_minor: int) -> None:
    payments.refund_payment(
        payment_reference=reference,
        amount_minor=amount_minor,
        refunded_so_far_minor=so_far_minor,
        reason="broken mug",
        actor="staff",
        claim=None,
        now=timezone.now(),
    )


def wait_for_refunds(order: Order) -> None:
    until = time.monotonic() + 20
    moment = timezone.now()
    while time.monotonic() < until:
        views = payments.list_payments(order_reference=order.number)
        if all(r.state in ("done", "failed") for v in views for r in v.refunds):
            return
        moment += timedelta(seconds=30)
        sweeping.sweep(now=moment)
        time.sleep(0.2)
    raise AssertionError("the refund never ended")
