"""The staff's lists read what they show and little more, however long the tables are."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bench import rows
from orders.models import Order
from payments.models.payment import State
from shop.models import User
from shop.readonly import ROWS_MAX

pytestmark = pytest.mark.django_db(transaction=True)
#: Several times what a list may show: whoever reads all of them is seen.
MANY = 6 * ROWS_MAX
ORDERS, PAYMENTS = "admin:orders_order_changelist", "admin:payments_payment_changelist"
LISTS = {
    "orders": (ORDERS, {}),
    "payments": (PAYMENTS, {}),
    "page 20 of orders": (ORDERS, {"p": "20"}),
    "orders by mail address": (ORDERS, {"q": "Shopper7@example.com"}),
    "orders by number": (ORDERS, {"q": rows.order_number(7)}),
    "payments by order number": (PAYMENTS, {"q": rows.order_number(7)}),
    "payments by reference": (PAYMENTS, {"q": rows.reference(7)}),
    "orders in another order": (ORDERS, {"o": "6"}),
    "payments in another order": (PAYMENTS, {"o": "2"}),
} | {
    f"{name} in state {state}": (where, {"state__exact": state})
    for name, where, states in (
        ("orders", ORDERS, Order.State.values),
        ("payments", PAYMENTS, State.values),
    )
    for state in states
}


@pytest.fixture
def long_tables() -> None:
    """Paid orders with their payments, and nothing else."""
    connection.ensure_connection()
    database: psycopg.Connection = connection.connection
    database.execute(rows.GOODS_ROWS)
    rows.write(database, 1, MANY, order="paid", payment="captured")
    for table in ("orders_order", "payments_payment", "payments_paymentintent"):
        database.execute(f"ANALYZE {table}")


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def read_by(statement: str) -> int:
    """How many rows of tables and indexes the statement looked at, to give or to leave out."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}")
        (plan,) = cursor.fetchone()
    found = json.loads(plan) if isinstance(plan, str) else plan
    return scanned(found[0]["Plan"])


def scanned(node: dict[str, Any]) -> int:
    own = 0
    if "Relation Name" in node:
        out = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        own = int((node["Actual Rows"] + out) * node["Actual Loops"])
    return own + sum(map(scanned, node.get("Plans", ())))


@pytest.mark.parametrize("name", LISTS)
def test_no_list_reads_more_than_it_may_show(name, long_tables, root):
    where, asked = LISTS[name]
    with CaptureQueriesContext(connection) as captured:
        assert root.get(reverse(where), asked).status_code == 200
    selects = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
    assert len(selects) >= 3
    # The count stops at what a list shows; a page at its end; each payment has its intent.
    assert {s[:90]: n for s in selects if (n := read_by(s)) > 2 * ROWS_MAX} == {}


def test_what_is_looked_for_is_found_and_nothing_else(long_tables, root):
    for where, text, shown in [
        (ORDERS, "SHOPPER0@example.com", 10),
        (ORDERS, rows.order_number(7), 1),
        (ORDERS, rows.public_id(7), 1),
        (PAYMENTS, rows.order_number(7), 1),
        (PAYMENTS, rows.reference(7), 1),
        (PAYMENTS, "nobody", 0),
        ("admin:orders_invoice_changelist", "not-a-number", 0),
        ("admin:orders_invoice_changelist", "9" * 30, 0),
    ]:
        answer = root.get(reverse(where), {"q": text})
        assert (text, answer.context["cl"].result_count) == (text, shown)


def test_the_newest_stand_first_and_no_heading_offers_another_order(long_tables, root):
    answer = root.get(reverse(ORDERS), {"o": "1"})
    shown = [order.pk for order in answer.context["cl"].result_list]
    assert shown == sorted(shown, reverse=True)
    assert "sortable" not in answer.content.decode()
