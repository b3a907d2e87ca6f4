"""How payments end at Razorpay: a link is cancelled, an order never, a consent lapses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
from payments.gateways.razorpay import RazorpayGateway
from tests.bank import Bank
from tests.gateways.razorpay import authorized, gateway_of, opened, paid
from tests.gateways.rows import shows


def ends_at(payment: base.PaymentRef) -> datetime:
    assert payment.request is not None
    return payment.request.expires_at


@pytest.fixture
def gateway(bank: Bank) -> RazorpayGateway:
    return gateway_of(bank)


def set_clock(bank: Bank, behind: timedelta) -> None:
    told = {"seconds_behind": behind.total_seconds()}
    assert bank.client.put("/clock", json=told).status_code == 200


@shows("razorpay", "close-lost", "pay-after-close")
def test_a_link_is_cancelled_for_good(bank, gateway):
    payment = opened(gateway, "link")
    bank.faults(lose_answer=1, only=["close"])
    with pytest.raises(base.Unknown):
        gateway.close(payment)
    bank.faults()
    result = gateway.close(payment)
    assert result.answer is base.CloseAnswer.CLOSED
    assert bank.pay(payment.reference).status_code == 409
    assert gateway.query(payment).state is base.State.CLOSED
    again = gateway.create(payment.request)
    assert (again.state, again.presentation) == (base.State.CLOSED, None)


def test_a_link_that_will_not_be_cancelled_is_not_closable(bank, gateway):
    payment = opened(gateway, "link")
    bank.faults(refuse_close=1)
    result = gateway.close(payment)
    assert result.answer is base.CloseAnswer.NOT_CLOSABLE
    assert result.dead_after == ends_at(payment)


@shows("razorpay", "close-lost", "pay-after-close")
def test_an_order_cannot_be_closed_but_nothing_is_taken_without_us(bank, gateway):
    payment = opened(gateway)
    result = gateway.close(payment)
    assert result.answer is base.CloseAnswer.NOT_CLOSABLE
    assert result.dead_after == ends_at(payment)
    bank.pay(payment.reference)
    assert gateway.query(payment).state is base.State.AUTHORIZED
    assert bank.net(payment.reference) == 0


@shows("razorpay", "pay-while-closing")
@pytest.mark.parametrize("method", ["checkout", "link"])
def test_a_close_of_a_paid_payment_says_paid(bank, gateway, method):
    result = gateway.close(paid(bank, gateway, method))
    assert result.answer is base.CloseAnswer.ALREADY_PAID
    assert result.snapshot is not None
    assert result.snapshot.captures[0].amount_minor == 2500


@shows("razorpay", "pay-after-expiry")
def test_an_order_is_given_up_after_its_time_and_a_late_consent_is_seen(bank, gateway):
    payment = opened(gateway)
    later = gateway_of(bank, clock=lambda: ends_at(payment) + timedelta(minutes=6))
    assert later.query(payment).state is base.State.CLOSED
    assert later.close(payment).answer is base.CloseAnswer.CLOSED
    # It never ends at Razorpay: a tab that was left open can still agree, not pay.
    bank.pay(payment.reference)
    assert later.query(payment).state is base.State.AUTHORIZED
    assert bank.net(payment.reference) == 0


@shows("razorpay", "pay-after-expiry")
def test_a_link_that_ran_out_cannot_be_paid(bank, gateway):
    ago = datetime.now(UTC) - timedelta(hours=1)
    set_clock(bank, timedelta(hours=1))
    payment = opened(gateway, "link", now=ago)
    set_clock(bank, timedelta())
    assert bank.pay(payment.reference).status_code == 409
    assert gateway.query(payment).state is base.State.CLOSED


def test_with_a_capture_on_its_way_an_order_is_dead_only_when_the_consent_has_lapsed(bank):
    gateway = gateway_of(bank, authorization_minutes=60)
    payment = opened(gateway)
    sent = replace(payment, capture_sent=True)
    result = gateway.close(sent)
    assert result.dead_after == ends_at(payment) + timedelta(hours=1)
    later = gateway_of(
        bank, authorization_minutes=60,
        clock=lambda: ends_at(payment) + timedelta(minutes=30),
    )  # fmt: skip
    assert later.close(payment).answer is base.CloseAnswer.CLOSED
    assert later.close(sent).answer is base.CloseAnswer.NOT_CLOSABLE


def test_a_consent_that_nobody_captured_goes_back_and_is_no_money(bank):
    gateway = gateway_of(bank, authorization_minutes=20)
    set_clock(bank, timedelta(hours=1))
    payment = authorized(bank, gateway, now=datetime.now(UTC) - timedelta(hours=1))
    set_clock(bank, timedelta())
    snapshot = gateway.query(payment)
    assert (snapshot.state, snapshot.captures) == (base.State.CLOSED, ())
    assert gateway.capture(payment, "a-key").state is base.State.CLOSED
    assert bank.ledger(payment.reference) == []
    assert gateway.statement(datetime.now(UTC).date()) == []
