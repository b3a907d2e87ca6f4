"""A check that breaks allows nothing, and what breaks tells nothing of our insides."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from orders.models import Order
from payments import services as payments
from payments.models import Payment
from tests.orders.story import fresh, pay
from tests.security.census import nothing_changes
from tests.security.conftest import signed_in, staff, with_token
from tests.security.hand import send
from tests.security.test_webhooks import event, knock, signed

pytestmark = pytest.mark.django_db

INSIDES = "SELECT secret FROM /work/payonce WHERE password = 'hunter2'"


def broken(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError(INSIDES)


def tells_nothing(answer: Any) -> bool:
    text = answer.content.decode()
    for word in (
        "SELECT",
        "hunter2",
        "Traceback",
        "RuntimeError",
        "/work",
        "Django",
        ".py",
        "psycopg",
    ):
        assert word not in text, word
    assert answer["X-Request-ID"]
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert "no-store" in answer["Cache-Control"]
    return True


def test_a_broken_check_of_a_signature_accepts_nothing(
    guest, order, bank, monkeypatch, security_log
):
    reference = pay(order).payment.reference
    bank.pay(reference)
    monkeypatch.setattr("payments.gateways.sandbox.signature_age", broken)
    body = event(reference)
    with nothing_changes(bank):
        answer = knock(guest, body, signed(body))
    assert answer.status_code == 503
    assert tells_nothing(answer)
    assert security_log.has_one_line("hunter2")


def test_a_broken_check_of_an_answers_signature_books_nothing(order, bank, monkeypatch):
    reference = pay(order).payment.reference
    bank.pay(reference)
    monkeypatch.setattr("payments.gateways.sandbox.signature_age", lambda *a: None)
    payments.refresh_payment(reference=reference, now=timezone.now())
    assert Payment.objects.get().captured_minor == 0
    assert fresh(order).state == "paying"


@pytest.mark.parametrize("enter", [signed_in, with_token])
def test_a_broken_check_of_a_right_sends_nothing_back(paid, bank, enter, monkeypatch, security_log):
    client = enter(staff("refunder", "payments.refund_payment"))
    monkeypatch.setattr("django.contrib.auth.backends.ModelBackend.has_perm", broken)
    path = f"/api/v1/payments/{Payment.objects.get().reference}/refunds/"
    body = {"amount_minor": 100, "refunded_so_far_minor": 0, "reason": "x"}
    with nothing_changes(bank):
        answer = send(client, path, body)
    assert answer.status_code == 503
    assert tells_nothing(answer)
    assert security_log.has_one_line("hunter2")


def test_a_broken_check_of_a_right_opens_no_page_of_staff(paid, monkeypatch):
    client = signed_in(staff("viewer", "orders.view_order"))
    monkeypatch.setattr("django.contrib.auth.backends.ModelBackend.has_perm", broken)
    answer = client.get("/admin/orders/order/")
    assert answer.status_code >= 500
    assert paid.number not in answer.content.decode()
    assert tells_nothing(answer)


def test_a_broken_comparison_of_amounts_pays_nothing(guest, order, bank, monkeypatch):
    reference = pay(order).payment.reference
    bank.faults(wrong_amount=1)
    bank.pay(reference)
    monkeypatch.setattr("payments.booking.book", broken)
    with nothing_changes(bank):
        answer = guest.post(f"/orders/{order.public_id}/check/")
    assert answer.status_code == 500
    assert tells_nothing(answer)
    assert fresh(order).state == "paying"


def test_a_bank_that_does_not_answer_has_not_said_yes(guest, order, bank, monkeypatch):
    reference = pay(order, "redirect").payment.reference
    monkeypatch.setattr(
        "payments.gateways.wire.Wire.send", lambda *a, **k: (_ for _ in ()).throw(unknown())
    )
    bank.pay(reference)
    answer = guest.post(f"/orders/{order.public_id}/check/")
    assert answer.status_code == 302
    assert fresh(order).state == "paying"
    monkeypatch.undo()
    later = timezone.now() + timedelta(seconds=30)
    payments.refresh_payment(reference=reference, now=later)
    assert Payment.objects.get().state == "captured"


def unknown() -> Exception:
    from payments.gateways.base import Unknown

    return Unknown("ReadTimeout")


DOORS = {
    "page": ("GET", "/orders/{id}/", "orders.services.find_order"),
    "invoice": ("GET", "/orders/{id}/invoice.pdf", "orders.services.find_order"),
    "catalogue": ("GET", "/", "orders.services.products_on_sale"),
    "basket": ("GET", "/basket/", "orders.services.deliveries"),
    "add": ("POST", "/basket/add/", "orders.services.open_basket"),
    "pay button": ("POST", "/orders/{id}/pay/", "orders.services.pay_order"),
    "check button": ("POST", "/orders/{id}/check/", "orders.services.check_order"),
    "cancel button": ("POST", "/orders/{id}/cancel/", "orders.services.cancel_order"),
    "products": ("GET", "/api/v1/products/", "orders.services.products_on_sale"),
    "order": ("GET", "/api/v1/orders/{id}/", "orders.services.show_order"),
    "status": ("GET", "/api/v1/orders/{id}/status/", "orders.status.read"),
    "pay": ("POST", "/api/v1/orders/{id}/payments/", "orders.services.pay_order"),
    "cancel": ("POST", "/api/v1/orders/{id}/cancel/", "orders.services.cancel_order"),
    "place": ("POST", "/api/v1/orders/", "orders.services.place_order"),
    "webhook": ("POST", "/webhooks/sandbox/", "payments.inbox.receive"),
}
FORM = {"method": "qr", "key": "k" * 20, "sku": "mug"}
BODIES = {
    "pay": {"method": "qr"},
    "cancel": {},
    "place": {"email": "a@b.de", "lines": [{"sku": "mug", "quantity": 1}]},
    "webhook": {},
}


def ask(client: Any, door: str, order: Order) -> Any:
    verb, path, _ = DOORS[door]
    path = path.format(id=order.public_id)
    if verb == "GET":
        return client.get(path)
    return send(client, path, BODIES[door]) if door in BODIES else client.post(path, FORM)


@pytest.mark.parametrize("door", DOORS)
def test_our_own_failure_shows_nothing_and_changes_nothing(guest, order, door, monkeypatch):
    guest.cookies["basket"] = "x" * 32
    monkeypatch.setattr(DOORS[door][2], broken)
    with nothing_changes():
        answer = ask(guest, door, order)
    assert answer.status_code in (500, 503)
    assert tells_nothing(answer)


@pytest.mark.parametrize("door", DOORS)
def test_a_database_that_is_away_is_a_503_that_asks_to_come_back(
    guest, order, door, monkeypatch, security_log
):
    def away(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError(INSIDES)

    guest.cookies["basket"] = "x" * 32
    monkeypatch.setattr(DOORS[door][2], away)
    # Not even the basket in the page's head can be counted.
    monkeypatch.setattr("django.db.models.query.QuerySet.aggregate", away)
    answer = ask(guest, door, order)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert tells_nothing(answer)
    assert security_log.has_one_line("hunter2", order.public_id)


def test_the_same_words_for_every_failure(guest, order, monkeypatch):
    monkeypatch.setattr("orders.services.find_order", broken)
    monkeypatch.setattr("orders.services.show_order", broken)
    page = guest.get(f"/orders/{order.public_id}/").content.decode()
    assert "problem on our side" in re.sub(r"\s+", " ", page)
    told = json.loads(guest.get(f"/api/v1/orders/{order.public_id}/").content)
    assert (told["status"], told["type"]) == (500, "urn:payonce:problem:server-error")
