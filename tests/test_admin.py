"""Staff look: every page opens, finds by exact references, and changes nothing."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from payments import inbox, sweeping
from payments.gateways.base import RawRequest
from payments.models import Payment
from shop.models import User
from tests.buyer import Buyer
from tests.statements import counted

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = [
    "orders_order",
    "orders_invoice",
    "orders_stockmovement",
    "payments_payment",
    "payments_paymentintent",
    "payments_refund",
    "payments_notification",
    "payments_reviewcase",
    "shop_outboxmessage",
]


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


@pytest.fixture
def payment(bank: Any) -> Payment:
    """Paid twice and notified: something to see on every page."""
    call_command("seed", stdout=StringIO())
    buyer = Buyer()
    order = buyer.order()
    references = [buyer.pay(order, m).json()["reference"] for m in ("redirect", "qr")]
    for reference in references:
        bank.pay(reference)
    delivery = RawRequest("POST", "/", "", *bank.notification(references[0]))
    inbox.receive("sandbox", delivery, now=timezone.now())
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))
    return Payment.objects.get(role="settling")


@pytest.mark.parametrize("page", PAGES)
def test_every_list_opens_and_offers_no_way_to_add(staff, payment, page):
    answer = staff.get(reverse(f"admin:{page}_changelist"))
    assert answer.status_code == 200
    assert staff.get(reverse(f"admin:{page}_add")).status_code == 403


def test_a_payment_page_tells_the_whole_story(staff, payment):
    page = staff.get(reverse("admin:payments_payment_change", args=[payment.pk]))
    text = page.content.decode()
    for told in ("→ captured", "→ surplus", "refund", "notification payment.paid", "UTC"):
        assert told in text


def test_a_payment_is_found_by_what_the_bank_calls_it(staff, payment):
    where = reverse("admin:payments_payment_changelist")
    for name in (payment.reference, payment.gateway_order_id, payment.gateway_transaction_id):
        assert payment.reference in staff.get(where, {"q": name}).content.decode()


def test_a_list_costs_the_same_however_long_it_is(staff, payment):
    where = reverse("admin:payments_payment_changelist")
    with counted() as cost:
        staff.get(where)
    assert cost.queries <= 8, cost
    assert any("LIMIT 1000" in statement for statement in cost.statements)


@pytest.mark.parametrize("change", [{"state": "captured"}, {"_save": "1", "role": "none"}])
def test_a_superuser_cannot_move_a_payment(staff, payment, change):
    where = reverse("admin:payments_payment_change", args=[payment.pk])
    assert staff.post(where, change).status_code == 403
    delete = reverse("admin:payments_payment_delete", args=[payment.pk])
    assert staff.post(delete, {"post": "yes"}).status_code == 403
    assert Payment.objects.get(pk=payment.pk).role == "settling"
