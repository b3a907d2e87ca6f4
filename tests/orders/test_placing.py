"""Placing an order: what is frozen, what is refused, and what a repeat gets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone

from orders import services
from orders.models import Order, OrderLine, Product, StockMovement
from orders.problems import (
    BasketChanged,
    LinesInvalid,
    OutOfStock,
    TotalChanged,
    TotalTooLarge,
    UnknownCurrency,
    UnknownDelivery,
    UnknownProduct,
)
from shop.idempotency import Claim, KeyReused, Replay
from shop.models import IdempotencyKey, StateChange
from tests.factories import (
    DeliveryFactory,
    ProductFactory,
    fill_basket,
    new_key,
    place,
    place_basket,
)
from tests.orders.story import fresh, pay

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_freezes_prices_and_reserves_the_pieces():
    mug, tea = ProductFactory(stock=10), ProductFactory(prices={"EUR": 500})
    order = place((mug, 3), (tea, 2))
    assert order.state == "unpaid"
    assert order.total_minor == 3 * 1999 + 2 * 500
    mug.refresh_from_db()
    assert (mug.stock_free, mug.stock_reserved, mug.stock_sold) == (7, 3, 0)
    assert StockMovement.objects.filter(line__order=order, kind="reserve").count() == 2
    assert StateChange.objects.get(order_reference=order.number).to_state == "unpaid"


def test_tax_is_part_of_the_price():
    order = place((ProductFactory(prices={"EUR": 11900}), 1))
    assert (order.total_minor, order.tax_minor) == (11900, 1900)


def test_delivery_adds_its_price_and_its_tax():
    DeliveryFactory()
    order = place((ProductFactory(prices={"EUR": 11900}), 1), delivery="standard")
    assert (order.delivery_minor, order.total_minor) == (490, 12390)
    assert order.tax_minor == 1900 + 78


@pytest.mark.parametrize(("currency", "price"), [("JPY", 2980), ("KWD", 6151)])
def test_currencies_with_other_decimals_stay_exact(currency, price):
    good = ProductFactory(prices={currency: price})
    order = place((good, 3), currency=currency)
    assert (order.total_minor, order.currency) == (3 * price, currency)


@pytest.mark.parametrize("quantity", [0, -1, 100, True, 1.0, "1", None, 2**63])
def test_a_quantity_that_no_page_sends_is_refused(quantity):
    with pytest.raises(LinesInvalid):
        place((ProductFactory(), quantity))
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"wishes": []}, LinesInvalid),
        ({"wishes": [services.Wish("nothing", 1)]}, UnknownProduct),
        ({"currency": "XXX"}, UnknownCurrency),
        ({"currency": "JPY"}, UnknownProduct),
        ({"delivery": "pigeon"}, UnknownDelivery),
    ],
)
def test_a_refused_order_leaves_nothing(changes, problem):
    good = ProductFactory(stock=5)
    with pytest.raises(problem):
        place((good, 1), **changes)
    good.refresh_from_db()
    assert (good.stock_free, Order.objects.count(), IdempotencyKey.objects.count()) == (5, 0, 0)


def test_the_same_good_in_two_lines_is_refused():
    good = ProductFactory()
    with pytest.raises(LinesInvalid):
        place((good, 1), (good, 2))


def test_too_few_pieces_name_the_good():
    good = ProductFactory(stock=2)
    with pytest.raises(OutOfStock) as refused:
        place((good, 3))
    assert refused.value.extra == {"sku": good.sku, "available": 2}
    assert not Order.objects.exists()


def test_the_same_key_again_gets_the_first_answer():
    good, claim = ProductFactory(), Claim("orders", new_key(), "a" * 64)
    order = place((good, 1), claim=claim)
    with pytest.raises(Replay) as replay:
        place((good, 1), claim=claim)
    assert replay.value.status == 201
    assert replay.value.body["public_id"] == order.public_id
    assert Order.objects.count() == 1


def test_the_same_key_with_another_body_is_refused():
    good, key = ProductFactory(), new_key()
    place((good, 1), claim=Claim("orders", key, "a" * 64))
    with pytest.raises(KeyReused):
        place((good, 2), claim=Claim("orders", key, "b" * 64))


def test_two_keys_are_two_orders():
    good = ProductFactory()
    assert place((good, 1)).number != place((good, 1)).number


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE orders_order SET total_minor = total_minor + 1",
        "UPDATE orders_order SET currency = 'USD'",
        "UPDATE orders_order SET number = 'other'",
        "UPDATE orders_order SET public_id = 'other'",
        "UPDATE orders_orderline SET quantity = 2",
        "DELETE FROM orders_orderline",
        "UPDATE orders_stockmovement SET quantity = 2",
        "DELETE FROM orders_order",
    ],
)
def test_what_was_agreed_cannot_be_changed(change):
    place()
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)


def test_a_basket_becomes_an_order_and_is_empty():
    token = fill_basket((ProductFactory(), 2))
    placed = place_basket(token)
    assert placed.created
    assert services.view_basket(token).is_empty


def test_the_second_tab_gets_the_first_ones_order():
    token = fill_basket((ProductFactory(), 1))
    version = services.view_basket(token).version
    first = place_basket(token, version=version)
    second = place_basket(token, version=version)
    assert (second.created, second.order.pk) == (False, first.order.pk)
    assert Order.objects.count() == 1


def test_a_basket_that_changed_since_the_page_was_shown_is_not_ordered():
    good = ProductFactory()
    token = fill_basket((good, 1))
    seen = services.view_basket(token).version
    services.set_quantity(token, good.sku, 5)
    with pytest.raises(BasketChanged):
        place_basket(token, version=seen)


def test_a_price_that_changed_since_the_page_was_shown_asks_again():
    good = ProductFactory()
    token = fill_basket((good, 1))
    good.prices.update(amount_minor=2500)
    with pytest.raises(TotalChanged) as refused:
        place_basket(token, shown_total_minor=1999)
    assert refused.value.extra["total_minor"] == 2500
    assert place_basket(token, shown_total_minor=2500).created


def test_the_same_lines_again_show_the_unpaid_order():
    good = ProductFactory()
    token = fill_basket((good, 1))
    first = place_basket(token)
    fill_basket((good, 1), token=token)
    again = place_basket(token)
    assert (again.created, again.same_wish, again.order.pk) == (False, True, first.order.pk)


def test_another_order_of_the_same_lines_on_the_shoppers_word():
    good = ProductFactory()
    token = fill_basket((good, 1))
    place_basket(token)
    fill_basket((good, 1), token=token)
    assert place_basket(token, another=True).created


def test_another_browser_with_the_same_address_is_another_shopper():
    good = ProductFactory()
    first = place_basket(fill_basket((good, 1)))
    second = place_basket(fill_basket((good, 1)))
    assert second.created
    assert second.order.pk != first.order.pk


def test_a_failed_placing_can_be_corrected_and_repeated():
    good = ProductFactory(stock=1)
    token = fill_basket((good, 2))
    with pytest.raises(OutOfStock):
        place_basket(token)
    services.set_quantity(token, good.sku, 1)
    assert place_basket(token).created


def test_a_title_is_kept_in_the_shoppers_language():
    good = ProductFactory()
    place((good, 1), shopper=services.Shopper("ada@example.com", "de"), now=timezone.now())
    assert OrderLine.objects.get().title == good.title_de


def test_the_callback_was_lost_and_the_shopper_orders_again(bank):
    good = ProductFactory()
    token = fill_basket((good, 1))
    first = place_basket(token).order
    bank.faults(lose_notification=1.0)
    bank.pay(pay(first).payment.reference)
    fill_basket((good, 1), token=token)
    again = place_basket(token)
    assert (again.order.pk, again.order.state) == (first.pk, "paid")
    assert len(bank.ledger()) == 1


def test_the_same_lines_are_a_new_order_once_the_first_is_paid_or_cancelled(bank):
    good = ProductFactory()
    token = fill_basket((good, 1))
    first = place_basket(token).order
    services.cancel_order(public_id=first.public_id, now=timezone.now())
    fill_basket((good, 1), token=token)
    assert place_basket(token).created


def test_a_closed_orders_goods_can_be_put_back_and_tried_again(bank):
    good, gone = ProductFactory(), ProductFactory()
    token = fill_basket((good, 2), (gone, 1))
    ended = place_basket(token).order
    services.cancel_order(public_id=ended.public_id, now=timezone.now())
    Product.objects.filter(pk=gone.pk).update(active=False)
    services.refill_basket(token, ended)
    assert [(line.sku, line.quantity) for line in services.view_basket(token).quote.lines] == [
        (good.sku, 2)
    ]


def test_a_total_above_the_largest_amount_is_refused():
    dear = ProductFactory(prices={"EUR": 10**11})
    with pytest.raises(TotalTooLarge):
        place((dear, 11))
    assert place((dear, 10)).total_minor == 10**12


def test_the_same_lines_again_show_the_order_that_is_being_cancelled(bank):
    """Its bank page cannot be closed: paid beside a second order, both would be charged."""
    good = ProductFactory()
    token = fill_basket((good, 1))
    first = place_basket(token).order
    paying = pay(first, "redirect").payment.reference
    services.cancel_order(public_id=first.public_id, claim=None, now=timezone.now())
    fill_basket((good, 1), token=token)
    again = place_basket(token)
    assert (again.created, again.same_wish, again.order.pk) == (False, True, first.pk)
    bank.pay(paying)
    assert (place_basket(token).order.state, Order.objects.count()) == ("paid", 1)


def test_the_same_lines_again_are_a_new_order_once_the_cancelled_one_is_dead(bank):
    good = ProductFactory()
    token = fill_basket((good, 1))
    first = place_basket(token).order
    pay(first, "qr")
    bank.faults(error_before=1.0, only=["close"])
    services.cancel_order(public_id=first.public_id, claim=None, now=timezone.now())
    bank.faults()
    fill_basket((good, 1), token=token)
    later = timezone.now() + timedelta(seconds=20)  # nobody is at the close any more
    again = place_basket(token, now=later)
    assert (again.created, again.order.pk != first.pk) == (True, True)
    assert fresh(first).state == "cancelled"
