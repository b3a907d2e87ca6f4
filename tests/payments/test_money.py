"""Money facts are monotonic: a success counts in every state, a surplus goes back by itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments import polling, sweeping
from payments.models import Payment, Refund, ReviewCase
from payments.services import Closing
from tests.payments.conftest import OWED


def sweep_later(seconds: float = 60) -> None:
    sweeping.sweep(now=timezone.now() + timedelta(seconds=seconds))


def test_a_wrong_amount_never_settles_and_goes_back_with_a_review_case(debt, bank):
    payment = debt.start("qr").payment
    bank.faults(wrong_amount=1.0)
    bank.pay(payment.reference)
    sweep_later()
    assert [p.state for p in debt.all()] == ["surplus"]
    assert ReviewCase.objects.get().kind == "wrong_amount"
    assert bank.net(payment.reference) == 0


def test_a_wrong_currency_never_settles_and_goes_back(debt, bank):
    payment = debt.start("qr").payment
    bank.faults(wrong_currency=1.0)
    bank.pay(payment.reference)
    sweep_later()
    assert [(p.state, p.settles) for p in debt.all()] == [("surplus", False)]
    assert bank.net(payment.reference) == 0


def test_two_captures_under_one_reference_keep_one(debt, bank):
    bank.faults(ignore_key=1.0, lose_answer=1.0)
    payment = debt.start("qr").payment
    bank.faults(ignore_key=1.0)
    debt.start("qr")
    assert len(bank.payments()) == 2
    bank.pay(payment.reference)
    bank.pay(payment.reference)
    sweep_later()
    rows = debt.all()
    assert sorted(p.state for p in rows) == ["captured", "surplus"]
    assert bank.net(payment.reference) == OWED
    first = Payment.objects.get(reference=payment.reference)
    assert Payment.objects.get(state="surplus").same_attempt_as == first


def test_money_on_a_closed_intent_still_settles(debt, bank):
    payment = debt.start("redirect").payment
    assert debt.close() is Closing.WAITING
    bank.pay(payment.reference)
    sweep_later()
    assert [p.state for p in debt.all()] == ["captured"]
    assert debt.close() is Closing.PAID


def test_a_closed_intent_waits_until_the_attempt_is_dead_at_the_bank(debt, bank):
    payment = debt.start("redirect").payment
    assert debt.close() is Closing.WAITING
    bank.decline(payment.reference)
    sweep_later()
    assert debt.close() is Closing.CLOSED


def test_a_capture_repeated_a_hundred_times_is_booked_once(debt, bank):
    payment = debt.start("qr").payment
    bank.pay(payment.reference)
    for _ in range(20):
        polling.ask_now(payment.reference, now=timezone.now(), source="poll")
    assert [p.captured_minor for p in debt.all()] == [OWED]
    assert Refund.objects.count() == 0


def test_late_money_on_an_attempt_given_up_is_accepted(debt, bank):
    payment = debt.start("qr").payment
    bank.faults(not_found=1.0)
    sweep_later(3 * 3600)
    assert [p.state for p in debt.all()] == ["closed"]
    bank.faults()
    bank.pay(payment.reference)
    polling.ask_now(payment.reference, now=timezone.now(), source="notification")
    assert [p.state for p in debt.all()] == ["captured"]


def test_a_late_success_retires_the_live_attempt_and_closes_it(debt, bank):
    old = debt.start("redirect").payment
    new = debt.start("qr").payment
    bank.pay(old.reference)
    polling.ask_now(old.reference, now=timezone.now(), source="poll")
    assert [p.state for p in debt.all()] == ["captured", "superseded"]
    sweep_later(30)
    assert [p.state for p in debt.all()] == ["captured", "closed"]
    assert {p["reference"]: p["state"] for p in bank.payments()}[new.reference] == "closed"


@pytest.mark.parametrize("method", ["qr", "redirect", "card"])
def test_each_method_is_paid_once(debt, bank, method):
    payment = debt.start(method).payment
    bank.pay(payment.reference)
    sweep_later()
    assert [(p.state, p.settles) for p in debt.all()] == [("captured", True)]
    assert bank.net(payment.reference) == OWED
