"""One box: an exact hit goes straight to its order, several are listed page by page."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from orders.models import Invoice, Order
from payments import inbox
from payments.gateways.base import RawRequest
from payments.models import Notification, Payment, Refund
from shop import outbox
from shop.desk.finding import amounts_meant
from shop.models import IdempotencyKey, User
from tests.desk.people import at_the_desk, person, text_of
from tests.factories import ProductFactory, place
from tests.statements import counted

BY_ORDER: dict[str, Callable[[Order], str]] = {
    "number": lambda order: order.number,
    "number in small letters": lambda order: order.number.lower(),
    "public id": lambda order: order.public_id,
    "mail address": lambda order: order.email.upper(),
    "amount": lambda order: "24.90",
    "amount with a comma and the currency": lambda order: "24,90 eur",
    "currency first": lambda order: "EUR 24.90",
    "invoice": lambda order: Invoice.objects.get().label,
    "invoice number alone": lambda order: str(Invoice.objects.get().number),
    "payment": lambda order: Payment.objects.get().reference,
    "gateway's payment": lambda order: str(Payment.objects.get().gateway_order_id),
    "gateway's transaction": lambda order: str(Payment.objects.get().gateway_transaction_id),
    "refund": lambda order: Refund.objects.get().reference,
    "gateway's refund": lambda order: Refund.objects.get().gateway_refund_id,
    "event": lambda order: Notification.objects.first().notification_id,  # type: ignore[union-attr]
    "key of the order": lambda order: IdempotencyKey.objects.get(scope__endswith="/orders/").key,
    "key of the refund": lambda order: IdempotencyKey.objects.get(scope__contains="refund").key,
}


def look(client, text: str):
    return client.get(reverse("desk:search"), {"q": text})


@pytest.fixture
def story(paid: Order, payment, ada, bank) -> Order:
    """Paid, notified, with an invoice and a refund."""
    outbox.relay(now=timezone.now())
    delivery = RawRequest("POST", "/", "", *bank.notification(payment.reference))
    inbox.receive("sandbox", delivery, now=timezone.now())
    ada.refund(payment, how="amount", amount="5.00")
    return paid


def test_every_name_of_a_thing_leads_to_its_order(story, ada):
    wrong = {}
    for name, text in BY_ORDER.items():
        answer = look(ada.client, text(story))
        where = answer.headers.get("Location", text_of(answer))
        if not unquote(where).startswith(reverse("desk:order", args=[story.number])):
            wrong[name] = (text(story), where[-300:])
    assert wrong == {}


def test_the_thing_that_was_found_is_pointed_at(story, payment, ada):
    refund = Refund.objects.get()
    assert look(ada.client, refund.reference)["Location"].endswith(f"#refund-{refund.reference}")
    where = look(ada.client, payment.gateway_transaction_id)["Location"]
    assert where.endswith(f"#payment-{payment.reference}")


def test_a_bare_number_is_an_invoice_only_if_no_other_order_has_that_amount(story, ada):
    number = str(Invoice.objects.get().number)
    assert look(ada.client, number).status_code == 302
    other = place((ProductFactory(prices={"EUR": int(number) * 100}), 1))
    page = look(ada.client, number)
    assert page.status_code == 200
    assert story.number in text_of(page)
    assert other.number in text_of(page)
    assert look(ada.client, Invoice.objects.get().label).status_code == 302


def test_a_notification_that_belongs_to_nothing_is_found_by_those_who_may_see_it(story, ada, bank):
    delivery = RawRequest("POST", "/", "", *bank.notification("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
    (pk,) = inbox.receive("sandbox", delivery, now=timezone.now())
    name = Notification.objects.get(pk=pk).notification_id
    where = look(ada.client, name)["Location"]
    assert where == reverse("admin:payments_notification_change", args=[pk])
    assert name in text_of(ada.client.get(where))
    narrow = User.objects.create_user("narrow", password="x", is_staff=True)
    narrow.user_permissions.add(Permission.objects.get(codename="view_payment"))
    assert look(at_the_desk(narrow), name).status_code == 200


def test_several_orders_are_listed_newest_first_and_page_by_page(ada, monkeypatch):
    monkeypatch.setattr("shop.desk.paging.ROWS_PER_PAGE", 2)
    monkeypatch.setattr("shop.desk.finding.ROWS_PER_PAGE", 2)
    good = ProductFactory(stock=10, prices={"EUR": 700})
    made = [place((good, 1)) for _ in range(5)]
    for text in ("ada@example.com", "7.00", "7.00 EUR"):
        seen: list[str] = []
        query = {"q": text}
        for _ in range(3):
            page = ada.client.get(reverse("desk:search"), query).context["page"]
            seen += [order.number for order in page.rows]
            query["before"] = str(page.rows[-1].pk)
        assert seen == [order.number for order in reversed(made)]


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "%", "'; DROP TABLE orders_order; --", "a@b", "9" * 30, "0", "-5", "{{7*7}}",
     "<script>alert(1)</script>", "\\", "x" * 5000, "ß", "69.001 EUR", "5 XXX", "٣٫٥"],
)  # fmt: skip
def test_what_has_no_such_name_finds_nothing_and_breaks_nothing(story, ada, text):
    answer = look(ada.client, text)
    assert answer.status_code == 200
    assert "<script>alert" not in text_of(answer)
    assert answer.context["hits"] == []


def test_an_amount_is_meant_in_every_currency_that_can_have_it():
    assert (6899, "EUR") in amounts_meant("68.99")
    assert (68990, "KWD") in amounts_meant("68.99")
    assert all(currency != "JPY" for _, currency in amounts_meant("68.99"))
    assert amounts_meant("300 JPY") == [(300, "JPY")]


def test_the_box_stands_on_every_page_for_those_who_may_look(ada, transactional_db):
    assert 'class="desk-search"' in text_of(ada.client.get("/admin/"))
    clerk = at_the_desk(User.objects.create_user("clerk", password="x", is_staff=True))
    assert 'class="desk-search"' not in text_of(clerk.get("/admin/"))
    assert look(clerk, "x").status_code == 403


def test_every_look_up_is_by_an_index_and_none_counts(story, ada):
    place()
    with connection.cursor() as cursor, counted() as cost:
        for text in ("ada@example.com", "24.90", "7", story.number, "nothing-has-this-name"):
            look(ada.client, text)
        cursor.execute("SELECT 1")
    assert not [s for s in cost.statements if "COUNT(" in s.upper()]
    looked = [s for s in cost.statements if s.startswith(("SELECT", "(SELECT"))]
    scanned = []
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        for statement in looked:
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            if "Seq Scan" in plan:
                scanned.append(f"{statement}\n{plan}")
        cursor.execute("RESET enable_seqscan")
    assert not scanned, "\n\n".join(scanned)


def test_nobody_finds_without_signing_in(client, transactional_db):
    answer = look(client, "x")
    assert answer["Location"].startswith("/admin/login/")
    assert person("ada").is_staff
