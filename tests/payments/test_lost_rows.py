"""A failover lost the row of a payment that the gateway has: its notification brings it back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from orders.models import Order
from payments import inbox, sweeping
from payments.models import Notification, Payment, ReviewCase
from shop.wiring import SUBSCRIBERS
from tests.factories import place
from tests.orders.story import pay
from tests.payments.test_polling import delivery


@pytest.fixture
def lost(transactional_db, settings, bank) -> tuple[Order, str]:
    """An order whose payment was opened and paid at the bank, and whose row is gone."""
    settings.OUTBOX_SUBSCRIBERS = SUBSCRIBERS
    order = place()
    bank.faults(lose_notification=1.0)
    reference = pay(order).payment.reference
    bank.pay(reference)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM payments_payment")
        cursor.execute("DELETE FROM payments_paymentintent")
        cursor.execute("UPDATE orders_order SET state = 'unpaid'")
        cursor.execute("SET session_replication_role = origin")
    return order, reference


def test_its_notification_pays_the_order_without_waiting_for_the_books(lost, bank):
    order, reference = lost
    (stored,) = inbox.receive("sandbox", delivery(bank, reference), now=timezone.now())
    inbox.process(stored, now=timezone.now())
    assert Notification.objects.get().result == "parked"  # once it may be a race
    sweeping.sweep(now=timezone.now() + timedelta(seconds=20))
    assert Order.objects.get(pk=order.pk).state == "paid"
    assert Payment.objects.get().state == "captured"
    assert Notification.objects.get().result == "asked"
    assert not ReviewCase.objects.exists()


def test_a_gateway_that_does_not_answer_now_is_asked_again(lost, bank):
    order, reference = lost
    (stored,) = inbox.receive("sandbox", delivery(bank, reference), now=timezone.now())
    inbox.process(stored, now=timezone.now())
    bank.faults(error_before=1.0)
    sweeping.sweep(now=timezone.now() + timedelta(seconds=20))
    assert Notification.objects.get().result == "parked"
    bank.faults()
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))
    assert Order.objects.get(pk=order.pk).state == "paid"
