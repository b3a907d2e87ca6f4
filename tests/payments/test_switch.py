"""Paying by another method: the old attempt is asked about, closed, or left behind."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments import asking, sweeping
from payments.models import Payment
from payments.problems import PaymentAlreadySettled
from tests.payments.conftest import OWED


def test_a_closable_attempt_is_closed_before_the_new_one_opens(debt, bank):
    old, new = debt.start("qr"), debt.start("redirect")
    assert new.status == 201
    states = {p["reference"]: p["state"] for p in bank.payments()}
    assert states == {old.payment.reference: "closed", new.payment.reference: "open"}


def test_an_attempt_that_cannot_be_closed_is_superseded_and_may_still_arrive(debt, bank):
    old, new = debt.start("redirect"), debt.start("qr")
    assert new.status == 201
    left = debt.all()[0]
    assert (left.state, left.may_still_arrive) == ("superseded", True)
    assert left.reference == old.payment.reference


def test_both_paid_means_one_goes_back(debt, bank):
    old, new = debt.start("redirect").payment, debt.start("qr").payment
    bank.pay(old.reference)
    bank.pay(new.reference)
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))
    assert sorted(p.state for p in debt.all()) == ["captured", "surplus"]
    assert bank.net(old.reference, new.reference) == OWED


def test_a_paid_attempt_is_found_when_the_shopper_switches(debt, bank):
    bank.faults(lose_notification=1.0)
    old = debt.start("qr").payment
    bank.pay(old.reference)
    with pytest.raises(PaymentAlreadySettled):
        debt.start("card")
    assert [p.state for p in debt.all()] == ["captured"]


def test_an_unanswered_close_says_so_and_after_ten_seconds_another_opens(debt, bank):
    old = debt.start("qr").payment
    now = timezone.now()
    bank.faults(error_before=1.0)
    waiting = debt.start("card", now=now)
    assert (waiting.status, waiting.payment.reference) == (202, old.reference)
    assert waiting.retry_after_seconds
    bank.faults(not_found=1.0, refuse_close=1.0)
    opened = debt.start("card", now=now + timedelta(seconds=11))
    assert (opened.status, opened.payment.method) == (201, "card")
    assert debt.all()[0].state == "superseded"


def test_coming_back_to_an_attempt_that_is_not_dead_shows_it_again(debt, bank):
    first = debt.start("redirect").payment
    debt.start("qr")
    back = debt.start("redirect")
    assert (back.status, back.payment.reference) == (200, first.reference)
    assert back.payment.presentation == first.presentation
    assert Payment.objects.count() == 2


def test_no_close_is_sent_while_the_create_is_in_flight(debt, bank):
    started = debt.start("qr").payment
    Payment.objects.filter(reference=started.reference).update(
        presentation=None, lease_until=timezone.now() + timedelta(seconds=9)
    )
    shown = debt.start("card")
    assert (shown.status, shown.payment.reference) == (200, started.reference)
    assert [p["state"] for p in bank.payments()] == ["open"]


def test_a_silent_bank_holds_one_request_for_one_question_only(debt, bank, line, settings):
    first = debt.start("qr").payment
    bank.faults(lose_answer=1.0)
    asked = len(line.asked)
    answer = debt.start("redirect")
    assert (answer.status, answer.payment.reference) == (202, first.reference)
    assert len(line.asked) - asked == 1


def test_what_the_banks_slowness_takes_does_not_count_as_insisting(debt, bank, line, later):
    debt.start("qr")
    bank.faults(lose_answer=1.0)
    assert debt.start("redirect").status == 202
    assert debt.start("redirect", now=later(9)).status == 202
    bank.faults(lose_answer=1.0, only=["query", "close"])
    opened = debt.start("redirect", now=later(11))
    assert (opened.status, opened.payment.state) == (201, "open")
    assert [p.state for p in debt.all()] == ["superseded", "open"]


def test_a_request_that_gives_up_frees_its_own_lease_alone(debt, bank, monkeypatch):
    debt.start("qr")
    bank.faults(lose_answer=1.0)
    theirs = timezone.now() + timedelta(seconds=300)
    ask = asking.query

    def somebody_takes_over(payment, *, now):
        Payment.objects.update(lease_until=theirs)
        return ask(payment, now=now)

    monkeypatch.setattr(asking, "query", somebody_takes_over)
    assert debt.start("redirect").status == 202
    assert Payment.objects.get().lease_until == theirs
