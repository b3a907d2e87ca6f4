"""Refunds by hand: owed until two people have seen the transfer, and never sent twice."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from payments import services as payments
from payments.models import Payment, Refund, ReviewCase
from shop.models import StaffAction
from tests.desk.money import Desk
from tests.desk.people import at_the_desk, person, text_of
from tests.factories import place
from tests.orders.story import pay
from tests.security.census import nothing_changes

pytestmark = pytest.mark.usefixtures("one_way")


@pytest.fixture
def by_hand(one_way: None, ada: Desk, payment: Payment) -> Refund:
    """Ada asked for 5.00 EUR on a method that cannot send money back."""
    ada.refund(payment, how="amount", amount="5.00")
    return Refund.objects.get()


def sums(payment: Payment) -> tuple[int, int]:
    row = Payment.objects.get(pk=payment.pk)
    return row.refunded_minor, row.refund_pending_minor


def test_a_refund_by_hand_is_done_by_a_second_person_with_the_reference(
    one_way, ada, eve, payment, bank
):
    ada.refund(payment, how="amount", amount="5.00")
    row = Refund.objects.get()
    assert (row.kind, row.state) == ("manual", "requested")
    assert ada.transfer(row, "SEPA 4711").status_code == 302
    assert Refund.objects.get().state == "requested"
    assert ada.transfer(row, "SEPA 4711").status_code == 302  # the same once more: nothing new
    assert Refund.objects.get().state == "requested"
    assert eve.transfer(row, "SEPA 4712").status_code == 409
    assert eve.transfer(row, "SEPA 4711").status_code == 302
    row = Refund.objects.get()
    assert (row.state, row.approved_by, row.transfer_reference) == ("done", "eve", "SEPA 4711")
    assert sums(payment) == (500, 0)
    assert ReviewCase.objects.get().resolved_by == eve.who
    assert eve.transfer(row, "SEPA 4711").status_code == 409


def test_nobody_confirms_their_own_transfer(one_way, payment):
    both = Desk(person("fay", "refund_payment", "approve_refund"))
    both.refund(payment, how="amount", amount="5.00")
    row = Refund.objects.get()
    for _ in range(2):
        both.transfer(row, "SEPA 1")
    assert Refund.objects.get().state == "requested"
    with pytest.raises(payments.OwnRefund):
        payments.complete_manual_refund(
            reference=row.reference, transfer_reference="SEPA 1", actor="fay", now=timezone.now()
        )


def test_whose_transfer_is_noted_is_refused_by_nobody(by_hand, ada, eve, payment, bank):
    ada.transfer(by_hand, "SEPA 1")
    for desk, status in ((ada, 403), (eve, 403)):
        assert desk.refuse(by_hand).status_code == status
    with nothing_changes(bank), pytest.raises(payments.TransferNoted):
        payments.reject_refund(
            reference=by_hand.reference, reason="x", actor="ada", now=timezone.now()
        )
    assert sums(payment) == (0, 500)
    assert ReviewCase.objects.get().resolved_at is None
    page = text_of(ada.client.get(reverse("desk:refund-transfer", args=[by_hand.reference])))
    assert "Take it back" not in page


def test_a_mistyped_reference_is_corrected_by_who_noted_it_and_both_are_on_record(
    by_hand, ada, bob, eve
):
    ada.transfer(by_hand, "SEPA 471O")
    assert bob.transfer(by_hand, "SEPA 4710").status_code == 403
    assert ada.transfer(by_hand, "SEPA 4710").status_code == 302
    assert eve.transfer(by_hand, "SEPA 471O").status_code == 409
    assert eve.transfer(by_hand, "SEPA 4710").status_code == 302
    assert Refund.objects.get().state == "done"
    acts = StaffAction.objects.filter(action="noted a transfer").order_by("id")
    assert [(act.actor.username, act.detail) for act in acts] == [
        ("ada", {"transfer": "SEPA 471O", "before": ""}),
        ("ada", {"transfer": "SEPA 4710", "before": "SEPA 471O"}),
    ]
    number = by_hand.payment.intent.order_reference
    page = text_of(ada.client.get(reverse("desk:order", args=[number])))
    assert "noted a transfer" in page


def test_a_mistaken_request_is_taken_back_before_a_transfer_is_noted(by_hand, ada, bob, payment):
    where = reverse("desk:refund-transfer", args=[by_hand.reference])
    assert "Take it back" in text_of(ada.client.get(where))
    assert bob.refuse(by_hand).status_code == 403
    assert ada.refuse(by_hand).status_code == 302
    assert (Refund.objects.get().state, sums(payment)) == ("failed", (0, 0))
    assert ReviewCase.objects.get().resolved_by == ada.who


def test_what_the_shop_owes_is_nobodys_wish_even_if_staff_found_it(by_hand, ada, eve, bank):
    odd = Payment.objects.get(reference=pay(place()).payment.reference)
    bank.faults(wrong_amount=1.0)
    bank.pay(odd.reference)
    ada.client.post(reverse("desk:ask-apply", args=[odd.reference]))
    owed = Refund.objects.get(payment=odd)
    assert (owed.kind, owed.state, owed.actor) == ("manual", "requested", "")
    for desk in (ada, eve):
        assert desk.refuse(owed).status_code == 403
    with nothing_changes(bank), pytest.raises(payments.NotWaiting):
        payments.reject_refund(
            reference=owed.reference, reason="x", actor="ada", now=timezone.now()
        )
    assert ada.transfer(owed, "SEPA 2").status_code == 302
    assert eve.transfer(owed, "SEPA 2").status_code == 302


def test_the_case_of_money_that_is_owed_ends_with_the_transfer_and_not_with_a_sentence(
    by_hand, ada, eve, bank
):
    solver = at_the_desk(person("sol", "resolve_review"))
    case = ReviewCase.objects.get()
    where = reverse("desk:review-resolve", args=[case.pk])
    with nothing_changes(bank):
        answer = solver.post(where, {"reason": "told the shopper"})
    assert (answer.status_code, "still owed" in text_of(answer)) == (409, True)
    page = text_of(solver.get(reverse("desk:review", args=[case.pk])))
    assert "Why this case is over" not in page
    ada.transfer(by_hand, "SEPA 1")
    assert solver.post(where, {"reason": "transferred"}).status_code == 409
    eve.transfer(by_hand, "SEPA 1")
    case.refresh_from_db()
    assert case.resolved_by == eve.who
