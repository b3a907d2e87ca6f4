"""Cancelling, expiry and late money: pieces go back only when the bank has answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from orders import services
from orders.models import Order
from orders.problems import OrderAlreadyPaid, OrderClosed
from payments import services as payments
from payments.models import ReviewCase
from tests.factories import ProductFactory, place
from tests.orders.story import (
    cancelled_with_a_payable_page,
    fresh,
    late_money,
    pay,
    steps,
    stock,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_cancelled_order_gives_its_pieces_back_once(bank):
    good = ProductFactory(stock=5)
    order = place((good, 2))
    reference = pay(order).payment.reference
    assert services.cancel_order(public_id=order.public_id, now=timezone.now()).state == "cancelled"
    assert services.cancel_order(public_id=order.public_id, now=timezone.now()).state == "cancelled"
    assert stock(good) == (5, 0, 0)
    assert bank.pay(reference).status_code == 409
    with pytest.raises((OrderClosed, payments.IntentClosed)):
        pay(order)


def test_an_order_never_paid_for_is_cancelled_at_once(bank):
    order = place()
    services.cancel_order(public_id=order.public_id, now=timezone.now())
    assert steps(order) == ["unpaid", "cancelled"]


def test_an_order_paid_behind_our_back_is_not_cancelled(bank):
    order = place()
    bank.faults(lose_notification=1.0)
    bank.pay(pay(order).payment.reference)
    with pytest.raises(OrderAlreadyPaid):
        services.cancel_order(public_id=order.public_id, now=timezone.now())
    assert fresh(order).state == "paid"


def test_what_cannot_be_closed_stays_paying_until_it_is_dead(bank):
    good = ProductFactory(stock=5)
    order = place((good, 1))
    pay(order, "redirect")
    assert services.cancel_order(public_id=order.public_id, now=timezone.now()).state == "paying"
    assert stock(good) == (4, 1, 0)
    with pytest.raises(payments.IntentClosed):
        pay(order)


def test_expiry_asks_first_and_finds_the_money(bank):
    order = place()
    bank.faults(lose_notification=1.0)
    bank.pay(pay(order).payment.reference)
    later = order.expires_at + timedelta(seconds=1)
    services.expire_unpaid_orders(now=later)
    assert fresh(order).state == "paid"


def test_expiry_closes_what_nobody_paid(bank):
    good = ProductFactory(stock=5)
    order = place((good, 1))
    reference = pay(order).payment.reference
    assert services.expire_unpaid_orders(now=order.expires_at + timedelta(seconds=1)) == 1
    assert (fresh(order).state, stock(good)) == ("cancelled", (5, 0, 0))
    assert bank.pay(reference).status_code == 409


def test_expiry_leaves_young_orders_alone(bank):
    order = place()
    assert services.expire_unpaid_orders(now=order.placed_at + timedelta(minutes=1)) == 0
    assert fresh(order).state == "unpaid"


def test_pieces_stay_reserved_while_the_bank_does_not_answer_the_close(bank):
    good = ProductFactory(stock=5)
    order = place((good, 1))
    pay(order)
    bank.faults(error_before=1.0)
    services.expire_unpaid_orders(now=order.expires_at + timedelta(seconds=1))
    assert (fresh(order).state, stock(good)) == ("paying", (4, 1, 0))
    bank.faults()
    services.expire_unpaid_orders(now=order.expires_at + timedelta(minutes=5))
    assert (fresh(order).state, stock(good)) == ("cancelled", (5, 0, 0))


def test_an_expired_order_takes_no_new_payment(bank):
    order = place()
    with pytest.raises(OrderClosed):
        pay(order, now=order.expires_at + timedelta(seconds=1))


def test_late_money_takes_the_pieces_again(bank):
    good = ProductFactory(stock=1)
    order, reference = cancelled_with_a_payable_page(bank, good)
    late_money(bank, order, reference)
    assert (fresh(order).state, stock(good)) == ("paid", (0, 0, 1))
    assert steps(order)[-2:] == ["cancelled", "paid"]


def test_late_money_goes_back_when_the_pieces_are_gone(bank):
    good = ProductFactory(stock=1)
    order, reference = cancelled_with_a_payable_page(bank, good)
    place((good, 1))
    late_money(bank, order, reference)
    late_money(bank, order, reference)
    view = payments.list_payments(order_reference=order.number)[0]
    assert (fresh(order).state, len(view.refunds)) == ("cancelled", 1)
    assert fresh(order).capture_returned_at is not None
    case = ReviewCase.objects.get(kind="late_without_stock")
    assert (case.subject, case.order_reference) == (reference, order.number)
    assert case.known["refund"] == view.refunds[0].reference


def test_returned_money_is_not_kept_when_pieces_come_back(bank):
    good = ProductFactory(stock=1)
    order, reference = cancelled_with_a_payable_page(bank, good)
    other = place((good, 1))
    late_money(bank, order, reference)
    services.cancel_order(public_id=other.public_id, now=timezone.now())
    late_money(bank, order, reference)
    services.reconcile(order.number, source="test", now=timezone.now())
    assert (fresh(order).state, stock(good)) == ("cancelled", (1, 0, 0))


def test_no_payment_starts_once_the_wish_to_cancel_is_committed(bank):
    order = place()
    pay(order, "card")  # so that the terms and the intent are there
    Order.objects.filter(pk=order.pk).update(cancel_wanted_at=timezone.now())
    with pytest.raises(OrderClosed):
        pay(order, "qr")
    states = [p.method for p in payments.list_payments(order_reference=order.number)]
    assert states == ["card"]


def test_a_process_that_died_while_cancelling_is_followed_by_the_sweep(bank):
    good = ProductFactory(stock=5)
    order = place((good, 1))
    reference = pay(order).payment.reference
    soon = timezone.now() + timedelta(seconds=31)
    Order.objects.filter(pk=order.pk).update(
        cancel_wanted_at=timezone.now(), cancel_reason="shopper", next_close_at=soon
    )
    assert services.expire_unpaid_orders(now=soon) == 1
    assert (fresh(order).state, fresh(order).cancel_reason) == ("cancelled", "shopper")
    assert (stock(good), bank.pay(reference).status_code) == ((5, 0, 0), 409)


def test_a_wish_to_cancel_ends_nothing_before_payments_closed_the_intent(bank):
    order = place()
    reference = pay(order).payment.reference
    soon = timezone.now() + timedelta(seconds=31)
    Order.objects.filter(pk=order.pk).update(cancel_wanted_at=timezone.now(), next_close_at=soon)
    bank.decline(reference)
    payments.refresh_intent(order_reference=order.number, now=timezone.now())
    assert fresh(order).state == "paying"
    services.expire_unpaid_orders(now=soon)
    assert fresh(order).state == "cancelled"


@pytest.mark.parametrize("method", ["qr", "redirect"])
def test_a_closed_order_shows_nobody_the_payment_that_was_live(bank, method):
    """The answer kept for repeats must go with the payment that it showed."""
    order = place()
    pay(order, method)
    bank.faults(error_before=1.0, only=["close"])
    services.cancel_order(public_id=order.public_id, now=timezone.now())
    with pytest.raises(payments.IntentClosed):
        pay(order, method)
