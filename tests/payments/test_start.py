"""Starting a payment: one attempt, on disk first, whatever the bank does."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from payments import sweeping
from payments.models import Payment
from payments.problems import IntentClosed, MethodNotOffered, PaymentAlreadySettled
from payments.services import Closing
from tests.payments.conftest import OWED


def test_a_start_opens_one_payment_at_the_bank(debt, bank):
    started = debt.start("qr")
    assert (started.status, started.payment.state) == (201, "open")
    assert started.payment.presentation["kind"] == "qr"
    assert [p["reference"] for p in bank.payments()] == [started.payment.reference]


def test_the_same_method_again_shows_the_same_payment(debt, bank):
    first, again = debt.start("qr"), debt.start("qr")
    assert (again.status, again.payment.reference) == (200, first.payment.reference)
    assert len(bank.payments()) == 1


def test_an_unknown_method_is_refused_and_nothing_is_written(debt, bank):
    with pytest.raises(MethodNotOffered):
        debt.start("barter")
    assert Payment.objects.count() == 0


def test_a_lost_answer_leaves_the_payment_in_doubt_and_the_next_click_finds_it(debt, bank):
    bank.faults(lose_answer=1.0)
    first = debt.start("qr")
    assert (first.status, first.payment.state) == (201, "unknown")
    bank.faults()
    again = debt.start("qr")
    assert again.payment.reference == first.payment.reference
    assert again.payment.presentation is not None
    assert len(bank.payments()) == 1


def test_a_paid_payment_refuses_another_start(debt, bank):
    started = debt.start("qr")
    bank.pay(started.payment.reference)
    sweeping.sweep(now=started.payment.expires_at)
    with pytest.raises(PaymentAlreadySettled):
        debt.start("card")
    assert bank.net(started.payment.reference) == OWED


def test_a_closed_intent_refuses_every_start(debt, bank):
    debt.start("qr")
    assert debt.close() is Closing.CLOSED
    with pytest.raises(IntentClosed):
        debt.start("redirect")
    assert [p.state for p in debt.all()] == ["closed"]


def test_twenty_starts_at_once_make_one_payment(debt, bank):
    def click(_: int) -> tuple[int, str]:
        try:
            started = debt.start("qr", now=timezone.now())
            return started.status, started.payment.reference
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(click, range(20)))
    assert sorted(status for status, _ in answers) == [200] * 19 + [201]
    assert len({reference for _, reference in answers}) == 1
    assert len(bank.payments()) == 1


def test_the_request_says_on_which_device_the_shopper_pays(debt, bank):
    debt.start("qr", device="mobile")
    assert Payment.objects.get().request["device"] == "mobile"
