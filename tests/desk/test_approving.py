"""Four eyes: above a limit a second person decides, and about nothing that has changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from payments import services as payments
from payments.models import Payment, Refund, ReviewCase
from shop.models import StateChange
from tests.desk.money import Desk
from tests.desk.people import person, text_of
from tests.factories import new_key
from tests.security.census import nothing_changes

TOTAL = 2490


@pytest.fixture(autouse=True)
def low_limit(settings: Any) -> None:
    settings.REFUND_APPROVAL_LIMIT_MINOR = {"EUR": 1000}


@pytest.fixture
def asked(ada: Desk, payment: Payment) -> Refund:
    """Ada wants all of it back: more than she may send alone."""
    assert ada.refund(payment).status_code == 302
    return Refund.objects.get()


def pending(payment: Payment) -> tuple[int, int]:
    row = Payment.objects.get(pk=payment.pk)
    return row.refunded_minor, row.refund_pending_minor


def test_above_the_limit_it_waits_and_counts_against_the_balance(asked, payment, bank):
    assert (asked.state, pending(payment)) == ("requested", (0, TOTAL))
    assert bank.net(payment.reference) == TOTAL
    view = payments.list_payments(order_reference=payment.intent.order_reference)[0]
    assert view.refunds == ()  # the shopper is told nothing that nobody decided


def test_another_person_approves_and_it_is_sent(asked, eve, payment, bank):
    page = eve.client.get(reverse("desk:refund-decide", args=[asked.reference]))
    assert "Approve and send" in text_of(page)
    assert eve.approve(asked).status_code == 302
    asked = Refund.objects.get()
    assert (asked.state, asked.approved_by, bank.net(payment.reference)) == ("done", "eve", 0)
    mine = StateChange.objects.filter(subject="refund", subject_reference=asked.reference)
    steps = mine.order_by("id")
    assert [s.to_state for s in steps] == ["requested", "approved", "sent", "done"]
    assert [s.actor for s in steps][:2] == ["ada", "eve"]


def test_nobody_approves_what_they_asked_for(payment, bank):
    both = Desk(person("fay", "refund_payment", "approve_refund"))
    both.refund(payment)
    asked = Refund.objects.get()
    with nothing_changes(bank):
        answer = both.approve(asked)
    assert (answer.status_code, "second person" in text_of(answer)) == (403, True)


def test_who_may_only_refund_does_not_approve(asked, bob, bank):
    with nothing_changes(bank):
        assert bob.approve(asked).status_code == 403
        assert bob.refuse(asked).status_code == 403


def test_an_approval_of_another_amount_is_refused(asked, eve, bank):
    with nothing_changes(bank):
        assert eve.approve(asked, amount_minor=TOTAL - 1).status_code == 409


def test_an_approval_is_void_when_something_else_was_refunded_since(ada, bob, eve, payment, bank):
    ada.refund(payment, how="amount", amount="15.00")
    asked = Refund.objects.get()
    assert bob.refund(payment, how="amount", amount="5.00").status_code == 302
    page = eve.client.get(reverse("desk:refund-decide", args=[asked.reference]))
    assert "Void" in text_of(page)
    answer = eve.approve(asked)
    assert (answer.status_code, "ask again" in text_of(answer)) == (409, True)
    asked = Refund.objects.get(pk=asked.pk)
    assert (asked.state, pending(payment)) == ("failed", (500, 0))
    assert bank.net(payment.reference) == TOTAL - 500
    assert ReviewCase.objects.count() == 0
    assert eve.approve(asked).status_code == 409


def test_two_approvals_at_once_send_it_once(asked, eve, payment, bank):
    desks = [eve, Desk(person("gus", "approve_refund"))]

    def press(desk: Desk) -> int:
        try:
            return int(desk.approve(asked).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(press, desks)) == [302, 409]
    assert bank.net(payment.reference) == 0


def test_refused_or_taken_back_it_frees_the_balance(asked, ada, eve, payment, bank):
    assert ada.refuse(asked).status_code == 302
    assert (Refund.objects.get().state, pending(payment)) == ("failed", (0, 0))
    assert eve.refuse(asked).status_code == 409
    assert bank.net(payment.reference) == TOTAL


def test_nobody_refuses_without_a_reason(asked, eve, bank):
    with nothing_changes(bank):
        answer = eve.refuse(asked, why=" \n")
    assert (answer.status_code, "Say in a few words why" in text_of(answer)) == (400, True)


def test_the_right_is_asked_for_before_the_password(asked, payment, bank):
    """A password opens nothing for who may not: bob may refund, and did not ask for this."""
    where = reverse("desk:refund-decide", args=[asked.reference])
    bob = Desk(person("bob", "refund_payment"), confirmed=False)
    assert bob.client.get(where).status_code == 403
    assert bob.client.post(where, {"decision": "approve"}).status_code == 403
    gus = Desk(person("gus", "approve_refund"), confirmed=False)
    assert gus.client.get(where)["Location"].startswith(reverse("desk:confirm"))


def test_a_link_leads_nobody_to_a_door_that_is_shut(asked, ada, bob, eve):
    link = f'href="{reverse("desk:refund-decide", args=[asked.reference])}"'
    order = reverse("desk:order", args=[asked.payment.intent.order_reference])
    for page in (reverse("desk:refunds"), order):
        shown = [link in text_of(desk.client.get(page)) for desk in (ada, bob, eve)]
        assert shown == [True, False, True]


def test_a_split_sum_is_still_one_sum(ada, payment, bank):
    ada.refund(payment, how="amount", amount="9.00")
    ada.refund(payment, how="amount", amount="9.00")
    states = list(Refund.objects.order_by("id").values_list("state", flat=True))
    assert states == ["done", "requested"]


def test_what_one_person_sends_back_in_a_day_is_limited(ada, payment, settings, bank):
    settings.REFUND_APPROVAL_LIMIT_MINOR = {"EUR": 10_000}
    settings.REFUND_DAY_LIMIT_MINOR = {"EUR": 1000}
    ada.refund(payment, how="amount", amount="6.00")
    ada.refund(payment, how="amount", amount="6.00")
    states = list(Refund.objects.order_by("id").values_list("state", flat=True))
    assert states == ["done", "requested"]


def test_the_api_obeys_the_same_limit(ada, payment, bank):
    answer = ada.client.post(
        f"/api/v1/payments/{payment.reference}/refunds/",
        {"amount_minor": TOTAL, "refunded_so_far_minor": 0, "reason": "broken"},
        content_type="application/json",
        headers={"Idempotency-Key": new_key()},
    )
    assert (answer.status_code, answer.json()["state"]) == (201, "requested")
    assert bank.net(payment.reference) == TOTAL


def test_what_waits_is_listed_and_what_is_decided_is_not(asked, eve):
    where = reverse("desk:refunds")
    assert asked.reference in text_of(eve.client.get(where))
    eve.approve(asked)
    assert asked.reference not in text_of(eve.client.get(where))


def test_what_waits_for_a_person_is_counted_as_that_and_not_as_on_its_way(asked, eve, payment):
    assert "<strong>1</strong> refund waits for a second person" in words_of(eve, "/admin/")
    dashboard = words_of(eve, reverse("desk:dashboard"))
    assert "<strong>0</strong> refunds on their way" in dashboard
    assert "<strong>1</strong> refunds wait for a person" in dashboard
    order = words_of(eve, reverse("desk:order", args=[payment.intent.order_reference]))
    assert "€24.90 of it is not sent yet: it waits for a person." in order
    assert "is on its way back (" not in order


def words_of(desk: Desk, where: str) -> str:
    return " ".join(text_of(desk.client.get(where)).split())


def test_a_refund_that_waits_is_not_sent_by_the_sweep(asked, payment, bank):
    from datetime import timedelta

    from payments import sweeping

    sweeping.sweep(now=timezone.now() + timedelta(hours=1))
    assert (Refund.objects.get().state, bank.net(payment.reference)) == ("requested", TOTAL)
