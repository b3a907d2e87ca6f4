"""A gateway's no to a repeat ends nothing: the first send may still be on its way."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from payments import sweeping
from payments.models import Payment, Refund, ReviewCase
from payments.problems import RefundedMeanwhile
from tests.payments.conftest import OWED, sweep_until
from tests.payments.test_refunds import paid, refund

__all__ = ["paid"]  # the fixture


def until(true: Callable[[], bool]) -> None:
    """Wait for the bank to do what is on its way."""
    ends = time.monotonic() + 5
    while not true():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.05)


def test_what_the_first_send_opened_late_is_not_paid_twice(debt, bank, later):
    bank.faults(late_request=1.0, late_request_ms=700, only=["create"], at_most=1)
    first = debt.start("qr").payment
    assert first.state == "unknown"
    bank.faults(refuse_create=1.0, at_most=1)
    sweeping.sweep(now=later(30))
    assert Payment.objects.get().state == "unknown"
    until(lambda: bank.payments() != [])
    bank.faults()
    again = debt.start("qr", now=later(60)).payment
    assert (again.reference, again.presentation is not None) == (first.reference, True)
    bank.pay(first.reference)
    sweep_until(lambda: Payment.objects.get().state == "captured")
    assert bank.net(first.reference) == OWED


def test_a_refusal_of_any_other_question_ends_nothing(debt, line, bank, later):
    first = debt.start("redirect").payment
    with line.answering("GET /v1/payments", 422):
        sweeping.sweep(now=later(30))
    with line.answering("POST /v1/payments", 422):
        debt.close(now=later(31))
    assert Payment.objects.get().state not in ("declined", "closed")
    bank.pay(first.reference)
    sweep_until(lambda: Payment.objects.get().state == "captured")


def test_the_first_no_is_final(debt, bank):
    bank.faults(refuse_create=1.0)
    assert debt.start("qr").payment.state == "declined"


def test_a_refund_whose_repeat_is_refused_still_counts(paid, bank, later):
    bank.faults(late_request=1.0, late_request_ms=700, only=["refund"], at_most=1)
    assert refund(paid, 1000).state == "sent"
    bank.faults(refuse_refund=1.0, at_most=1)
    sweeping.sweep(now=later(60))
    assert (Refund.objects.get().state, Refund.objects.get().send_count) == ("sent", 2)
    with pytest.raises(RefundedMeanwhile):
        refund(paid, 1000)
    until(lambda: bank.net(paid) == OWED - 1000)
    bank.faults()
    sweep_until(lambda: Refund.objects.get().state == "done")
    assert bank.net(paid) == OWED - 1000


def test_a_refund_is_given_up_when_no_send_can_be_on_its_way(paid, bank):
    bank.faults(error_before=1.0, only=["refund"])
    assert refund(paid, 1000).state == "sent"
    bank.faults(refuse_refund=1.0)
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))
    assert Refund.objects.get().state == "sent"
    sweeping.sweep(now=timezone.now() + timedelta(hours=2))
    assert Refund.objects.get().state == "failed"
    assert ReviewCase.objects.get().kind == "refund_failed"
    assert bank.net(paid) == OWED


def test_an_unanswered_refund_is_asked_about_before_it_is_sent_again(paid, bank, line):
    bank.faults(lose_answer=1.0, only=["refund"], at_most=1)
    assert refund(paid, 1000).state == "sent"
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))
    assert Refund.objects.get().state == "done"
    assert line.count("POST /v1/refunds") == 1
    assert bank.net(paid) == OWED - 1000
