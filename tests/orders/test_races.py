"""Twenty and more at once, each with its own thread and connection: the database decides."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
from django.db import connections, transaction
from django.utils import timezone

from orders import invoices, services
from orders.models import Invoice, Order, Product
from orders.problems import BasketChanged, OrderAlreadyPaid, OutOfStock
from payments import services as payments
from shop.idempotency import Claim, Replay
from tests.factories import ProductFactory, fill_basket, new_key, place, place_basket
from tests.orders.races import at_once
from tests.orders.story import fresh, pay

pytestmark = pytest.mark.django_db(transaction=True)


def test_fifty_buyers_of_the_last_piece_make_one_order():
    good = ProductFactory(stock=1)
    results = at_once([partial(place, (good, 1))] * 50)
    assert sum(isinstance(r, Order) for r in results) == 1
    refused = [r for r in results if isinstance(r, OutOfStock)]
    assert [r.extra for r in refused] == [{"sku": good.sku, "available": 0}] * 49
    good.refresh_from_db()
    assert (good.stock_free, good.stock_reserved) == (0, 1)


def test_twenty_requests_with_one_key_make_one_order():
    good, claim = ProductFactory(), Claim("orders", new_key(), "a" * 64)
    results = at_once([partial(place, (good, 1), claim=claim)] * 20)
    assert sum(isinstance(r, Order) for r in results) == 1
    replays = [r for r in results if isinstance(r, Replay)]
    assert len(replays) == 19
    assert {r.body["public_id"] for r in replays} == {Order.objects.get().public_id}


def test_twenty_clicks_in_two_tabs_make_one_order():
    token = fill_basket((ProductFactory(), 1))
    version = services.view_basket(token).version
    results = at_once([partial(place_basket, token, version=version)] * 20)
    assert {r.order.pk for r in results} == {Order.objects.get().pk}
    assert sum(r.created for r in results) == 1


def test_twenty_clicks_without_redis_make_one_order(monkeypatch):
    monkeypatch.setattr("shop.courtesy.pause.until", float("inf"))
    token = fill_basket((ProductFactory(), 1))
    version = services.view_basket(token).version
    results = at_once([partial(place_basket, token, version=version)] * 20)
    assert {r.order.pk for r in results} == {Order.objects.get().pk}


def test_ordering_while_the_basket_changes_orders_what_was_seen_or_nothing():
    good = ProductFactory()
    token = fill_basket((good, 1))
    version = services.view_basket(token).version
    change = partial(services.set_quantity, token, good.sku, 7)
    results = at_once([partial(place_basket, token, version=version), change])
    assert isinstance(results[0], (services.Placed, BasketChanged))
    quantities = [line.quantity for order in Order.objects.all() for line in order.lines.all()]
    assert quantities in ([1], [])


def test_orders_of_the_same_goods_in_any_order_of_lines_never_deadlock():
    goods = [ProductFactory(stock=1000) for _ in range(4)]
    shuffles = list(itertools.permutations(goods))
    calls = [partial(place, *((good, 1) for good in shuffle)) for shuffle in shuffles]
    results = at_once(calls + calls[:16])
    assert [r for r in results if not isinstance(r, Order)] == []
    assert set(Product.objects.values_list("stock_reserved", flat=True)) == {40}


def test_placing_and_releasing_the_same_goods_never_deadlock(bank):
    goods = [ProductFactory(stock=1000) for _ in range(3)]
    there = [place(*((good, 1) for good in goods)) for _ in range(10)]
    cancels = [
        partial(services.cancel_order, public_id=order.public_id, now=timezone.now())
        for order in there
    ]
    places = [partial(place, *((good, 1) for good in reversed(goods)))] * 10
    results = at_once(cancels + places)
    assert [r for r in results if not isinstance(r, Order)] == []
    assert set(Product.objects.values_list("stock_reserved", flat=True)) == {10}
    assert set(Product.objects.values_list("stock_free", flat=True)) == {990}


def test_cancels_and_pays_mixed_end_cancelled_or_paid_with_one_charge(bank):
    good = ProductFactory(stock=5)
    order = place((good, 1))
    cancel = partial(services.cancel_order, public_id=order.public_id, now=timezone.now())
    at_once([partial(pay, order)] * 15 + [cancel] * 5)
    live = [p for p in payments.list_payments(order_reference=order.number) if p.is_live]
    assert len(live) <= 1
    for payment in live:
        bank.pay(payment.reference)
    services.check_order(public_id=order.public_id, now=timezone.now())
    state = fresh(order).state
    good.refresh_from_db()
    charges = bank.ledger()
    if state == "paid":
        assert (len(charges), good.stock_sold) == (1, 1)
    else:
        assert (charges, state in ("cancelled", "paying", "unpaid")) == ([], True)


def test_twenty_cancels_give_the_pieces_back_once(bank):
    good = ProductFactory(stock=5)
    order = place((good, 2))
    pay(order)
    cancel = partial(services.cancel_order, public_id=order.public_id, now=timezone.now())
    at_once([cancel] * 20)
    good.refresh_from_db()
    assert (fresh(order).state, good.stock_free, good.stock_reserved) == ("cancelled", 5, 0)


def test_checks_and_a_cancel_agree_that_the_order_is_paid(bank):
    order = place()
    bank.faults(lose_notification=1.0)
    bank.pay(pay(order).payment.reference)
    ask = partial(services.check_order, public_id=order.public_id, now=timezone.now())
    cancel = partial(services.cancel_order, public_id=order.public_id, now=timezone.now())
    results = at_once([ask] * 10 + [cancel] * 3)
    assert all(isinstance(r, (Order, OrderAlreadyPaid)) for r in results)
    assert fresh(order).state == "paid"


def test_invoice_numbers_have_no_gap_when_issued_at_once_and_some_fail():
    orders = [place() for _ in range(20)]

    def issue(order: Order, *, fail: bool) -> None:
        with transaction.atomic():
            invoices.issue(order.number, now=timezone.now())
            if fail:
                raise ZeroDivisionError

    at_once([partial(issue, order, fail=n % 4 == 0) for n, order in enumerate(orders)])
    at_once([partial(issue, order, fail=False) for order in orders])
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert numbers == list(range(1, 21))
    connections.close_all()
