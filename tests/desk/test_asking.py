"""Ask the gateway now: its answer beside ours, and the change on a second press only."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse

from payments.models import Payment, Refund
from shop import metrics
from shop.models import StaffAction, StateChange
from tests.desk.people import text_of
from tests.factories import new_key, place
from tests.orders.story import fresh, pay
from tests.security.census import OF_SESSIONS, census


@pytest.fixture
def unnoticed(bank, transactional_db) -> Payment:
    """The shopper paid, and nobody has told us yet."""
    payment = Payment.objects.get(reference=pay(place()).payment.reference)
    bank.pay(payment.reference)
    return payment


def ask(desk, payment: Payment):
    return desk.client.post(reverse("desk:ask", args=[payment.reference]))


def apply(desk, payment: Payment):
    return desk.client.post(reverse("desk:ask-apply", args=[payment.reference]))


def test_the_answer_is_shown_beside_ours_and_nothing_moves(unnoticed, ada, bank):
    ours = OF_SESSIONS | {"shop_staffaction"}
    before = census(bank, without=ours)
    page = text_of(ask(ada, unnoticed))
    for told in ("open", "captured", "is captured and pays the order"):
        assert told in page
    assert census(bank, without=ours) == before
    act = StaffAction.objects.get()
    assert (act.actor, act.action, act.detail["answer"]) == (
        ada.who,
        "asked the gateway",
        "captured",
    )


def test_the_second_press_moves_it_through_the_funnel_and_is_on_record(unnoticed, ada):
    assert apply(ada, unnoticed)["Location"].endswith(f"#payment-{unnoticed.reference}")
    payment = Payment.objects.select_related("intent").get()
    assert (payment.state, payment.role) == ("captured", "settling")
    step = StateChange.objects.get(subject="payment", to_state="captured")
    assert (step.source, step.actor) == ("staff", "ada")
    assert StaffAction.objects.get().detail == {"before": "open", "after": "captured"}
    apply(ada, payment)
    assert StateChange.objects.filter(to_state="captured", subject="payment").count() == 1


def test_without_an_answer_nothing_is_guessed(unnoticed, ada, bank):
    bank.faults(lose_answer=1.0)
    page = text_of(ask(ada, unnoticed))
    assert "unknown" in page
    assert "<strong>nothing</strong>" in page
    apply(ada, unnoticed)
    assert Payment.objects.get().state == "open"


def test_a_second_payment_would_go_back(bank, paid, ada):
    order = place()
    first, second = (pay(order, m).payment.reference for m in ("redirect", "qr"))
    bank.pay(first)
    bank.pay(second)
    apply(ada, Payment.objects.get(reference=second))
    page = text_of(ask(ada, Payment.objects.get(reference=first)))
    assert "captured as surplus and sent back" in page
    assert fresh(order).state == "paid"


def test_a_refund_that_we_lost_is_announced_before_it_is_booked(bank, paid, payment, ada):
    ada.refund(payment, how="amount", amount="5.00")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM payments_refund")
        cursor.execute("UPDATE payments_payment SET refunded_minor = 0")
    assert "a refund of €5.00 that the gateway made is booked" in text_of(ask(ada, payment))
    apply(ada, payment)
    assert Refund.objects.get().kind == "adopted"
    assert "<strong>nothing</strong>" in text_of(ask(ada, payment))


def test_who_asks_by_the_api_is_on_record(unnoticed, ada):
    found = metrics.rescued.labels("staff")
    before = found._value.get()
    answer = ada.client.post(
        f"/api/v1/payments/{unnoticed.reference}/refresh/",
        content_type="application/json",
        headers={"Idempotency-Key": new_key()},
    )
    assert answer.json()["state"] == "captured"
    step = StateChange.objects.get(subject="payment", to_state="captured")
    assert (step.source, step.actor) == ("staff", "ada")
    assert StaffAction.objects.get().detail == {"by": "the API"}
    assert found._value.get() == before + 1


def test_looking_asks_nobody(unnoticed, ada):
    for name in ("ask", "ask-apply"):
        where = reverse(f"desk:{name}", args=[unnoticed.reference])
        assert ada.client.get(where).status_code == 405
    missing = reverse("desk:ask", args=["0" * 26])
    assert ada.client.post(missing).status_code == 404
