"""Ask the gateway now: its answer beside ours, and the change on a second press only."""

from __future__ import annotations

import pytest
from django.urls import reverse

from payments.models import Payment
from shop.models import StaffAction, StateChange
from tests.desk.people import text_of
from tests.factories import place
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


def test_looking_asks_nobody(unnoticed, ada):
    for name in ("ask", "ask-apply"):
        where = reverse(f"desk:{name}", args=[unnoticed.reference])
        assert ada.client.get(where).status_code == 405
    missing = reverse("desk:ask", args=["0" * 26])
    assert ada.client.post(missing).status_code == 404
