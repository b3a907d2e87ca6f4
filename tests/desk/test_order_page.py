"""One order's page: sums on top, attempts, one line of time; nothing on it can be edited."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from orders.models import Order
from payments import inbox, sweeping
from payments.gateways.base import RawRequest
from payments.models import Payment, PaymentIntent, Refund
from tests.desk.people import text_of
from tests.factories import place
from tests.orders.story import pay
from tests.statements import counted


def page_of(client, order: Order):
    return client.get(reverse("desk:order", args=[order.number]))


@pytest.fixture
def twice_paid(bank, transactional_db) -> Order:
    """Paid by QR code and again at the bank, notified, swept: the second goes back."""
    order = place()
    references = [pay(order, method).payment.reference for method in ("redirect", "qr")]
    for reference in references:
        bank.pay(reference)
    delivery = RawRequest("POST", "/", "", *bank.notification(references[0]))
    inbox.receive("sandbox", delivery, now=timezone.now())
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))
    return order


def test_the_sums_stand_on_top(paid, payment, ada):
    ada.refund(payment, how="amount", amount="5.00")
    answer = page_of(ada.client, paid)
    (sums,) = answer.context["sums"]
    figures = (sums.ordered_minor, sums.captured_minor, sums.refunded_minor, sums.pending_minor)
    assert (*figures, sums.balance_minor) == (2490, 2490, 500, 0, 1990)
    page = text_of(answer)
    assert page.index("€19.90") < page.index("What happened")


def test_the_line_of_time_tells_each_call_about_a_refund_and_the_request_it_was_made_in(
    paid, payment, ada, bank
):
    bank.faults(lose_answer=1.0)
    form = ada.preview(payment, ada.form(payment), how="amount", amount="5.00")
    sent = ada.send(payment, form)
    bank.faults()
    sweeping.sweep(now=timezone.now() + timedelta(hours=1))
    refund = Refund.objects.get()
    calls = [
        entry
        for entry in page_of(ada.client, paid).context["entries"]
        if entry.subject == f"refund {refund.reference}" and " after " in entry.event
    ]
    assert [entry.event.split(" after ")[0] for entry in calls] == [
        "refund: unknown",
        "query_refund: done",
    ]
    assert f"request {sent['X-Request-ID']}" in calls[0].detail


def test_the_line_of_time_tells_everything_in_its_order(twice_paid, ada):
    payment = Payment.objects.get(role="settling")
    ada.client.post(reverse("desk:ask", args=[payment.reference]))
    answer = page_of(ada.client, twice_paid)
    entries = answer.context["entries"]
    assert [e.at for e in entries] == sorted(e.at for e in entries)
    kinds = {entry.kind for entry in entries}
    assert {"state", "gateway call", "callback", "staff"} <= kinds
    page = text_of(answer)
    for told in ("→ captured", "→ surplus", "create: pending after", "notification payment.paid",
                 "asked the gateway", "UTC", "As it came", "&quot;merchant&quot;"):  # fmt: skip
        assert told in page, told


def test_times_are_in_utc_and_in_the_shops_own_zone(paid, ada, settings):
    settings.TIME_ZONE = "Asia/Kolkata"
    page = text_of(page_of(ada.client, paid))
    assert " UTC <span" in page
    assert " IST</span>" in page


def test_no_secret_is_on_the_page(bank, ada, transactional_db):
    order = place()
    started = pay(order, "card").payment
    token = (started.presentation or {})["client_token"]
    page = text_of(page_of(ada.client, order))
    assert token not in page
    for secret in ("test-api-key", "test-signing-secret", "test-webhook-secret"):
        assert secret not in page


def test_nothing_on_the_page_is_an_input_but_the_search_and_buttons(paid, ada):
    page = text_of(page_of(ada.client, paid))
    main = page[page.index('id="content"') :]
    for word in ("<textarea", "<select", 'type="text"', "contenteditable"):
        assert word not in main
    where = reverse("desk:order", args=[paid.number])
    assert ada.client.post(where, {"state": "refunded"}).status_code == 405


def test_no_page_calls_the_gateway_when_it_is_only_looked_at(paid, payment, ada, bank):
    before = len(bank.payments())
    bank.kill()
    try:
        assert page_of(ada.client, paid).status_code == 200
        where = reverse("desk:refund", args=[payment.reference])
        assert ada.client.get(where).status_code == 200
    finally:
        bank.start()
    assert len(bank.payments()) == before


def test_the_page_costs_the_same_for_one_attempt_and_for_six(paid, ada, bank):
    with counted() as one:
        page_of(ada.client, paid)
    order = place()
    for method in ("qr", "redirect") * 3:
        pay(order, method, now=timezone.now())
    with counted() as six:
        page_of(ada.client, order)
    assert six.queries <= one.queries + 1, six
    assert one.queries <= 22, one


def test_a_debt_without_an_order_is_shown_too_and_nothing_is_404(ada):
    PaymentIntent.objects.create(
        order_reference="PO-LOST", amount_minor=500, currency="EUR", created_at=timezone.now()
    )
    assert "€5.00" in text_of(ada.client.get(reverse("desk:order", args=["PO-LOST"])))
    assert ada.client.get(reverse("desk:order", args=["PO-NONE"])).status_code == 404
