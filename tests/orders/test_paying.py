"""From placed to paid and refunded, with the real bank at the other end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from orders import services
from orders.models import Invoice, StockMovement
from orders.problems import OrderNotFound
from orders.subscribers import on_payment_captured, on_payment_ended, on_payment_started
from payments import services as payments
from payments.events import PaymentCaptured, PaymentEnded, PaymentStarted
from shop import outbox
from shop.models import OutboxMessage
from tests.factories import ProductFactory, place
from tests.orders.story import (
    fresh,
    paid_order,
    pay,
    refund,
    retell,
    steps,
    stock,
    wait_for_refunds,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_paid_order_sells_its_pieces_and_gets_one_invoice(bank):
    good = ProductFactory(stock=5)
    order = place((good, 2))
    reference = pay(order).payment.reference
    assert fresh(order).state == "paying"
    bank.pay(reference)
    assert services.check_order(public_id=order.public_id, now=timezone.now()).state == "paid"
    assert stock(good) == (3, 0, 2)
    outbox.relay(now=timezone.now())
    outbox.relay(now=timezone.now())
    assert Invoice.objects.filter(order=order).count() == 1
    assert steps(order) == ["unpaid", "paying", "paid"]
    assert bank.net(reference) == order.total_minor


def test_the_captured_fact_told_again_changes_nothing(bank):
    good = ProductFactory(stock=5)
    order = place((good, 2))
    reference = pay(order).payment.reference
    bank.pay(reference)
    services.check_order(public_id=order.public_id, now=timezone.now())
    version = fresh(order).version
    fact = PaymentCaptured(order.number, reference, order.total_minor, "EUR", timezone.now())
    retell(on_payment_captured, fact)
    assert (fresh(order).state, fresh(order).version) == ("paid", version)
    assert stock(good) == (3, 0, 2)


def test_a_start_heard_after_the_payment_changes_nothing(bank):
    order = paid_order(bank)
    retell(on_payment_started, PaymentStarted(order.number, "X" * 26))
    retell(on_payment_ended, PaymentEnded(order.number, "X" * 26, may_still_arrive=False))
    assert fresh(order).state == "paid"


def test_a_declined_payment_makes_the_order_payable_again(bank):
    order = place()
    first = pay(order, "redirect").payment.reference
    bank.decline(first)
    services.check_order(public_id=order.public_id, now=timezone.now())
    assert fresh(order).state == "unpaid"
    second = pay(order, "qr").payment.reference
    assert second != first
    assert fresh(order).state == "paying"


def test_orders_ask_by_themselves_when_no_fact_reaches_them(bank, settings):
    order = place()
    reference = pay(order).payment.reference
    settings.OUTBOX_SUBSCRIBERS = {name: {} for name in settings.OUTBOX_SUBSCRIBERS}
    bank.faults(lose_notification=1.0)
    bank.pay(reference)
    assert services.refresh_paying_orders(now=timezone.now()) == 0
    assert services.refresh_paying_orders(now=timezone.now() + timedelta(seconds=61)) == 1
    assert fresh(order).state == "paid"


def test_a_replayed_start_after_the_attempt_ended_is_undone(bank):
    order = place()
    reference = pay(order).payment.reference
    bank.decline(reference)
    payments.refresh_intent(order_reference=order.number, now=timezone.now())
    ended = fresh(order).state
    retell(on_payment_started, PaymentStarted(order.number, reference))
    services.refresh_paying_orders(now=timezone.now() + timedelta(seconds=61))
    assert fresh(order).state == ended


def test_a_full_refund_turns_the_order_refunded_and_a_part_does_not(bank):
    order = paid_order(bank)
    reference = payments.list_payments(order_reference=order.number)[0].reference
    refund(reference, 100, 0)
    wait_for_refunds(order)
    assert fresh(order).state == "paid"
    refund(reference, order.total_minor - 100, 100)
    wait_for_refunds(order)
    assert fresh(order).state == "refunded"


def test_an_unknown_order_is_not_there(bank):
    with pytest.raises(OrderNotFound):
        services.pay_order(public_id="x" * 24, method="qr", claim=None, now=timezone.now())


def test_stock_moves_once_per_line_and_kind(bank):
    order = paid_order(bank)
    kinds = StockMovement.objects.filter(line__order=order).values_list("kind", flat=True)
    assert sorted(kinds) == ["reserve", "sell"]


def test_a_failing_handler_leaves_the_money_and_the_relay_finishes(bank, settings):
    order = place()
    reference = pay(order).payment.reference
    told = settings.OUTBOX_SUBSCRIBERS
    broken = {**told, "PaymentCaptured": {"now": ["tests.orders.test_paying.breaks"]}}
    settings.OUTBOX_SUBSCRIBERS = broken
    bank.pay(reference)
    payments.refresh_payment(reference=reference, now=timezone.now())
    assert payments.list_payments(order_reference=order.number)[0].settles
    assert fresh(order).state == "paying"
    OutboxMessage.objects.filter(done_at=None).update(
        subscriber="orders.subscribers.on_payment_captured"
    )
    outbox.relay(now=timezone.now() + timedelta(minutes=1))
    assert fresh(order).state == "paid"


def breaks(fact, *, now) -> None:
    raise RuntimeError("the handler is broken")
