"""Statements and round trips, counted at the connection: SPEED's budgets, held."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders import services, status
from orders.models import Order
from payments import services as payments
from tests.factories import DeliveryFactory, ProductFactory, fill_basket, place, place_basket
from tests.orders.story import pay

pytestmark = pytest.mark.django_db(transaction=True)

BRACKETS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


class Counted(CaptureQueriesContext):
    """Queries and round trips of a block; Django's own BEGIN and COMMIT are round trips."""

    def __init__(self) -> None:
        super().__init__(connection)

    @property
    def queries(self) -> int:
        return sum(not q["sql"].startswith(BRACKETS) for q in self.captured_queries)

    @property
    def commits(self) -> int:
        return sum(q["sql"].startswith("COMMIT") for q in self.captured_queries)


@pytest.mark.parametrize("lines", [1, 30])
def test_placing_costs_the_same_for_any_number_of_lines(lines):
    DeliveryFactory()
    goods = [(ProductFactory(), 2) for _ in range(lines)]
    with Counted() as counted:
        place(*goods, delivery="standard")
    assert counted.queries <= 9, counted.captured_queries
    assert len(counted) <= 12
    assert counted.commits == 1


def test_placing_a_basket_stays_within_the_same_budget():
    DeliveryFactory()
    token = fill_basket(*((ProductFactory(), 2) for _ in range(5)))
    version = services.view_basket(token).version
    with Counted() as counted:
        place_basket(token, version=version, delivery="standard")
    assert counted.queries <= 9, counted.captured_queries
    assert counted.commits == 1


def test_starting_a_payment_costs_two_transactions(bank):
    order = place()
    with Counted() as counted:
        pay(order)
    assert counted.commits == 2, counted.captured_queries


def test_an_outcome_with_our_handler_stays_within_its_budget(bank):
    order = place((ProductFactory(), 1), (ProductFactory(), 1))
    reference = pay(order).payment.reference
    bank.pay(reference)
    with Counted() as counted:
        payments.refresh_payment(reference=reference, now=timezone.now())
    assert Order.objects.get().state == "paid"
    ours = [q["sql"] for q in counted.captured_queries if "orders_" in q["sql"]]
    assert len(ours) <= 3, ours


def test_an_unchanged_status_costs_one_query_and_from_the_cache_none():
    order = place()
    with Counted() as counted:
        status.read(order.public_id)
    assert (counted.queries, len(counted)) == (1, 1)
    with Counted() as counted:
        status.read(order.public_id)
    assert len(counted) == 0
