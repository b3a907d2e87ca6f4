"""Staff look: every page opens, finds by exact references, and changes nothing."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from payments import inbox, sweeping
from payments.gateways.base import RawRequest
from payments.models import Payment
from shop.models import User
from shop.record import note_act
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
    "shop_staffaction",
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


def test_a_name_is_given_once_and_never_changed(client, db):
    """Four eyes compare names: who is renamed in between would be two people."""
    chief = User.objects.create_superuser("chief", password="x")
    client.force_login(chief)
    where = reverse("admin:shop_user_change", args=[chief.pk])
    shown = client.get(where).content.decode()
    assert 'name="username"' not in shown
    client.post(where, {"username": "somebody", "is_active": "on", "is_superuser": "on"})
    assert User.objects.get().username == "chief"
    assert 'name="username"' in client.get(reverse("admin:shop_user_add")).content.decode()


def test_what_staff_did_is_shown_with_the_way_to_its_order(client, db):
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    note_act(viewer, "exported orders", "orders", "", now=timezone.now(), days=3)
    note_act(viewer, "asked the gateway", "X", "PO-1", now=timezone.now())
    client.force_login(viewer)
    where = reverse("admin:shop_staffaction_changelist")
    assert client.get(where).status_code == 403
    viewer.user_permissions.add(Permission.objects.get(codename="view_staffaction"))
    page = client.get(where).content.decode()
    for told in ("exported orders", "days 3", reverse("desk:order", args=["PO-1"])):
        assert told in page
