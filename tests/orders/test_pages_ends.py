"""The rare ends of an order, as its page tells them."""

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from orders.models import Order
from payments.models import Payment
from tests.bank import Bank
from tests.factories import ProductFactory, place
from tests.orders.pages import page_of
from tests.orders.story import (
    cancelled_with_a_payable_page,
    late_money,
    paid_order,
    pay,
    refund,
    wait_for_refunds,
)

pytestmark = pytest.mark.django_db(transaction=True)


def words_on_page(client: Client, order: Order) -> str:
    return client.get(page_of(order)).content.decode()


def test_a_cancelled_order_never_says_no_money_while_some_may_come(client: Client, bank: Bank):
    good = ProductFactory()
    order, _ = cancelled_with_a_payable_page(bank, good)
    words = words_on_page(client, order)
    assert "We still check one payment" in words
    assert "No money was taken" not in words


def test_late_money_that_found_no_goods_is_told_with_its_way_back(client: Client, bank: Bank):
    good = ProductFactory(stock=1)
    order, reference = cancelled_with_a_payable_page(bank, good)
    place((good, 1))
    late_money(bank, order, reference)
    words = words_on_page(client, order)
    assert "Your money came too late and goes back" in words
    assert "On its way back: €19.99." in words
    wait_for_refunds(order)
    assert "Sent back: €19.99" in words_on_page(client, order)


def test_late_money_that_found_the_goods_pays_the_order(client: Client, bank: Bank):
    good = ProductFactory(stock=1)
    order, reference = cancelled_with_a_payable_page(bank, good)
    late_money(bank, order, reference)
    assert "Paid. Thank you!" in words_on_page(client, order)


def test_a_partial_refund_stands_on_the_receipt(client: Client, bank: Bank):
    order = paid_order(bank)
    refund(pay_reference(bank), 500, 0)
    wait_for_refunds(order)
    words = words_on_page(client, order)
    assert "Paid. Thank you!" in words
    assert "Sent back: €5.00" in words


def test_a_refund_that_failed_is_ours_to_mend(client: Client, bank: Bank):
    order = paid_order(bank)
    bank.faults(refund_fail=1.0)
    refund(pay_reference(bank), 1999, 0)
    wait_for_refunds(order)
    assert "A person is on it" in words_on_page(client, order)


def test_an_order_nobody_paid_in_time_says_so(client: Client):
    order = place()
    client.post(f"{page_of(order)}cancel/")
    Order.objects.update(cancel_reason="expired")
    words = words_on_page(client, order)
    assert "It was not paid in time" in words
    assert "No money was taken for it." in words


def test_a_code_that_the_bank_closed_says_that_it_took_nothing(client: Client, bank: Bank):
    order = place()
    pay(order)
    with transaction.atomic():
        payment = Payment.objects.select_for_update().get()
        payment.mark_closed(timezone.now())
        payment.save()
    words = words_on_page(client, order)
    assert "The payment you began has ended" in words
    assert "It took no money and never will" in words


def pay_reference(bank: Bank) -> str:
    return str(bank.payments()[0]["reference"])
