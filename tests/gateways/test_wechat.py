"""WeChat Pay's life of a payment over HTTP: what the adapter says, and what the ledger shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
from payments.gateways import wechat_answers as answers
from payments.gateways.wechat import WechatGateway
from tests.bank import Bank
from tests.gateways.past import living_at
from tests.gateways.rows import excludes, shows
from tests.gateways.wechat import (
    CAPTURED,
    CLOSED,
    PENDING,
    gateway_of,
    giving_back,
    named,
    paid,
    wish,
)
from tests.simulator.ear import wait_for

excludes(
    "wechat",
    capture_lost="the shopper's consent takes the money: there is no capture of ours",
)


@pytest.fixture
def gateway(bank: Bank) -> WechatGateway:
    return gateway_of(bank)


def test_a_code_for_the_app_is_shown_and_paid(bank, gateway):
    request = wish()
    snapshot = gateway.create(request)
    assert (snapshot.state, snapshot.expires_at) == (PENDING, request.expires_at)
    assert snapshot.presentation.content["text"].startswith("weixin://wxpay/bizpayurl?pr=")
    assert gateway.query(named(request)).state is PENDING
    bank.pay(request.reference)
    paid_one = gateway.query(named(request))
    (capture,) = paid_one.captures
    assert (paid_one.state, paid_one.order_reference) == (CAPTURED, "PO-1042")
    assert (capture.amount_minor, capture.currency) == (2500, "CNY")
    assert abs(capture.captured_at - datetime.now(UTC)) < timedelta(minutes=1)
    (movement,) = bank.ledger(request.reference)
    assert (movement["gateway"], movement["transaction_id"]) == ("wechat", capture.transaction_id)


@pytest.mark.parametrize("amount_minor", [1, 9, 100, 101, 12_345_678])
def test_amounts_keep_each_fen(bank, gateway, amount_minor):
    payment = paid(bank, gateway, amount_minor=amount_minor)
    assert gateway.query(payment).captures[0].amount_minor == amount_minor
    assert bank.net(payment.reference) == amount_minor


def test_another_currency_is_refused_before_anything_is_sent(bank, gateway):
    with pytest.raises(base.Refused, match="currency"):
        gateway.create(wish(currency="EUR"))
    assert bank.payments() == []


def test_long_words_are_cut_between_characters(bank, gateway):
    request = wish(subject="茶" * 60, order_reference="茶" * 40)
    assert gateway.create(request).state is PENDING
    assert gateway.create(wish(subject="x" * 200)).state is PENDING


@shows("wechat", "create-lost")
def test_a_create_whose_answer_was_lost_finds_the_same_order(bank, gateway):
    request = wish()
    bank.faults(lose_answer=1)
    with pytest.raises(base.Unknown):
        gateway.create(request)
    bank.faults()
    assert gateway.create(request) == gateway.create(request)
    assert len(bank.payments()) == 1
    bank.pay(request.reference)
    assert gateway.create(request).state is CAPTURED
    assert bank.net(request.reference) == 2500


def test_an_unknown_number_is_not_found(gateway):
    assert gateway.query(named(wish())).state is base.State.NOT_FOUND
    assert gateway.close(named(wish())).answer is base.CloseAnswer.NOT_FOUND
    refund = giving_back(named(wish()), 1)
    assert gateway.query_refund(refund).state is base.RefundState.NOT_FOUND


@shows("wechat", "close-lost", "pay-after-close")
def test_a_close_whose_answer_was_lost_is_asked_again_and_nothing_can_be_paid(bank, gateway):
    request = wish()
    gateway.create(request)
    bank.faults(lose_answer=1, only=["close"])
    with pytest.raises(base.Unknown):
        gateway.close(named(request))
    bank.faults()
    assert gateway.close(named(request)).answer is base.CloseAnswer.CLOSED
    assert bank.pay(request.reference).status_code == 409
    assert gateway.query(named(request)).state is CLOSED
    assert gateway.create(request).state is CLOSED
    assert bank.net(request.reference) == 0


@shows("wechat", "pay-while-closing")
def test_an_order_that_was_paid_is_not_closed(bank, gateway):
    payment = paid(bank, gateway)
    answer = gateway.close(payment)
    assert answer.answer is base.CloseAnswer.ALREADY_PAID
    assert answer.snapshot.captures[0].amount_minor == 2500
    assert bank.net(payment.reference) == 2500


def test_an_order_that_cannot_be_closed_now_is_payable_until_its_time(bank, gateway):
    request = wish()
    gateway.create(request)
    bank.faults(refuse_close=1)
    answer = gateway.close(named(request))
    assert answer.answer is base.CloseAnswer.NOT_CLOSABLE
    assert answer.dead_after == request.expires_at + timedelta(minutes=5)


@shows("wechat", "pay-after-expiry")
def test_out_of_time_is_not_payable_and_is_closed_by_our_word_alone(bank, gateway):
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
    request = wish(created_at=past, expires_at=past + timedelta(minutes=15))
    with living_at(bank, past):
        gateway.create(request)
    assert bank.pay(request.reference).status_code == 409
    assert gateway.query(named(request)).state is PENDING
    assert gateway.close(named(request)).answer is base.CloseAnswer.CLOSED
    assert gateway.query(named(request)).state is CLOSED
    assert bank.ledger() == []


def test_a_failed_try_is_pending_with_a_note(bank, gateway):
    request = wish()
    gateway.create(request)
    bank.decline(request.reference)
    snapshot = gateway.query(named(request))
    assert (snapshot.state, snapshot.note) == (PENDING, "PAYERROR")
    assert gateway.close(named(request)).answer is base.CloseAnswer.CLOSED


def test_a_refund_goes_out_and_is_found(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 700)
    done = gateway.refund(refund)
    assert (done.state, done.amount_minor, done.currency) == (base.RefundState.DONE, 700, "CNY")
    assert gateway.query_refund(refund) == done
    assert gateway.query(payment).state is CAPTURED
    assert bank.net(payment.reference) == 1800


def test_a_payment_that_went_back_before_we_booked_it_is_for_a_person(bank, gateway):
    payment = paid(bank, gateway)
    gateway.refund(giving_back(payment, 700))
    with pytest.raises(base.Unknown, match="refunded before"):
        gateway.query(replace(payment, transaction_id=""))


@shows("wechat", "refund-lost")
def test_a_refund_whose_answer_was_lost_goes_out_once(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 700)
    bank.faults(lose_answer=1, only=["refund"])
    with pytest.raises(base.Unknown):
        gateway.refund(refund)
    bank.faults()
    assert gateway.query_refund(refund).state is base.RefundState.DONE
    assert gateway.refund(refund).state is base.RefundState.DONE
    assert bank.net(payment.reference) == 1800


@shows("wechat", "refund-twice")
def test_a_refund_goes_out_once_and_more_than_is_left_is_refused(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 2000)
    assert gateway.refund(refund) == gateway.refund(refund)
    with pytest.raises(base.Refused, match="INVALID_REQUEST"):
        gateway.refund(giving_back(payment, 501))
    with pytest.raises(base.Unknown, match="INVALID_REQUEST"):
        gateway.refund(giving_back(payment, 100, reference=refund.reference))
    with pytest.raises(base.Refused, match="INVALID_REQUEST"):
        gateway.refund(giving_back(payment, 100, captured_minor=9999))
    assert bank.net(payment.reference) == 500


@shows("wechat", "refund-fails")
def test_a_refund_that_cannot_be_taken_is_pending_then_failed_with_a_note(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 700)
    bank.faults(refund_fail=1, refund_delay=1)
    assert gateway.refund(refund).state is base.RefundState.PENDING
    bank.faults()
    wait_for(lambda: gateway.query_refund(refund).state is not base.RefundState.PENDING)
    failed = gateway.query_refund(refund)
    assert failed.state is base.RefundState.FAILED
    assert failed.note.startswith("abnormal")
    assert gateway.refund(refund) == failed
    assert bank.net(payment.reference) == 2500


@pytest.mark.parametrize(
    ("status", "state", "noted"),
    [("SUCCESS", "done", False), ("PROCESSING", "pending", False), ("ABNORMAL", "failed", True),
     ("CLOSED", "failed", True)],
)  # fmt: skip
def test_each_state_of_a_refund_has_its_reading(status, state, noted):
    told = {"refund_id": "50300000", "status": status, "amount": {"refund": 1, "currency": "CNY"}}
    snapshot = answers.refund_snapshot(told)
    assert (snapshot.state, bool(snapshot.note)) == (state, noted)


@shows("wechat", "wrong-money")
def test_wrong_money_goes_through_untouched_because_the_caller_compares(bank, gateway):
    bank.faults(wrong_amount=1, wrong_currency=1)
    payment = paid(bank, gateway)
    (capture,) = gateway.query(payment).captures
    assert (capture.amount_minor, capture.currency) == (25, "USD")
    refund = giving_back(payment, 25, currency="USD", captured_minor=25)
    assert gateway.refund(refund).currency == "USD"
    assert bank.net(payment.reference) == 0


def test_there_is_no_capture(gateway):
    with pytest.raises(base.Refused):
        gateway.capture(named(wish()), "key")


def test_the_method_says_how_long_it_lives(bank, gateway):
    (method,) = gateway.methods()
    assert (method.method, method.presentations) == ("qr", ("qr",))
    assert method.currencies == {"CNY"}
    assert method.lifetime == timedelta(minutes=15)
    assert method.not_found_final_after == timedelta(minutes=20)
    assert not method.merchant_captures
