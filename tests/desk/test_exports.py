"""Sheets: streamed, without a formula in any cell, on record, and only for who may."""

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from orders import services as orders
from orders.models import Order
from payments.models import Payment
from shop.desk import sheets
from shop.models import StaffAction
from tests.desk.people import at_the_desk, person, text_of
from tests.factories import place
from tests.orders.story import paid_order
from tests.statements import counted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(db: None) -> Any:
    return at_the_desk(person("ada", "export"))


def days(**more: str) -> dict[str, str]:
    today = timezone.now().astimezone(UTC).date()
    return {"from": str(today - timedelta(days=1)), "to": str(today), **more}


def rows(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.streaming
    return list(csv.DictReader(text_of(answer).splitlines()))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\tx", "'\tx"),
        ("  =1", "'  =1"), ("＝1", "'＝1"), ("a=1", "a=1"), (-5, "-5"), (None, ""), ("a\0b", "ab"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(told, shown):
    assert sheets.cell(told) == shown


def test_orders_as_a_sheet(bank, ada):
    order = paid_order(bank)
    (row,) = rows(ada.post(reverse("desk:export-orders"), days()))
    assert (row["number"], row["state"], row["currency"]) == (order.number, "paid", "EUR")
    assert (row["total"], row["total_minor"]) == ("19.99", "1999")


def test_payments_as_a_sheet(bank, ada):
    order = paid_order(bank)
    (row,) = rows(ada.post(reverse("desk:export-payments"), days()))
    payment = Payment.objects.get()
    assert (row["reference"], row["order"]) == (payment.reference, order.number)
    assert (row["captured"], row["refunded"]) == ("19.99", "0.00")


def test_an_address_that_looks_like_a_formula_is_a_text(ada):
    place(shopper=orders.Shopper("=cmd@example.com"))
    (row,) = rows(ada.post(reverse("desk:export-orders"), days()))
    assert row["email"] == "'=cmd@example.com"


def test_what_was_chosen_is_what_comes(bank, ada):
    paid_order(bank)
    assert rows(ada.post(reverse("desk:export-orders"), days(state="cancelled"))) == []
    assert rows(ada.post(reverse("desk:export-payments"), days(gateway="sandbox"))) != []
    long_ago = {"from": "2020-01-01", "to": "2020-01-31"}
    assert rows(ada.post(reverse("desk:export-payments"), long_ago)) == []


def test_every_export_is_on_record_with_what_was_chosen(ada):
    ada.post(reverse("desk:export-orders"), days(state="paid"))
    act = StaffAction.objects.get()
    assert (act.action, act.subject, act.detail["state"]) == ("export", "orders", "paid")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"from": "2026-01-02", "to": "2026-01-01"},
        {"from": "2020-01-01", "to": "2026-01-01"},
        {"from": "x", "to": "2026-01-01"},
        {"from": "2026-01-01", "to": "2026-01-01", "state": "stolen"},
        {"from": "9999-12-31", "to": "9999-12-31"},
    ],
)
def test_a_choice_that_the_form_cannot_make_is_refused(ada, told):
    assert ada.post(reverse("desk:export-orders"), told).status_code == 400
    assert not StaffAction.objects.exists()


def test_who_may_only_look_gets_no_sheet(db):
    clerk = at_the_desk(person("clerk"))
    for name in ("exports", "export-orders", "export-payments"):
        assert clerk.post(reverse(f"desk:{name}"), days()).status_code == 403
    assert not StaffAction.objects.exists()


def test_a_long_sheet_is_read_in_short_statements(ada, monkeypatch):
    monkeypatch.setattr(sheets, "BATCH", 2)
    numbers = [place().number for _ in range(5)]
    with counted() as cost:
        found = [row["number"] for row in rows(ada.post(reverse("desk:export-orders"), days()))]
    assert found == numbers
    assert len([s for s in cost.statements if 'FROM "orders_order"' in s]) == 4
    assert Order.objects.count() == 5
