"""The UnionPay adapter against the simulated UnionPay over HTTP; money is counted in its ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.gateways import base
from payments.gateways.unionpay import UnionpayGateway
from tests.bank import Bank
from tests.gateways.rows import excludes, shows
from tests.gateways.unionpay import (
    MERCHANT,
    browse,
    gateway_of,
    giving_back,
    named,
    opened,
    paid,
    wish,
)
from tests.simulator.ear import wait_for

HOUR = timedelta(hours=1)

excludes(
    "unionpay",
    capture_lost="the shopper's payment takes the money: nothing waits for a capture",
    notice_stale="a notification carries no time of its sending; each is only a hint to ask",
)


@pytest.fixture
def gateway(bank: Bank) -> UnionpayGateway:
    return gateway_of(bank)


def set_clock(bank: Bank, behind: timedelta) -> None:
    told = {"seconds_behind": behind.total_seconds()}
    assert bank.client.put("/clock", json=told).status_code == 200


@pytest.fixture
def an_hour_ago(bank: Bank) -> Any:
    """UnionPay's clock stands an hour ago, until the test lets it go on."""
    set_clock(bank, HOUR)
    yield datetime.now(UTC) - HOUR
    set_clock(bank, timedelta())


def test_the_card_page_is_a_form_that_no_call_was_made_for(bank):
    nowhere = gateway_of(bank, base_url="http://127.0.0.1:9", files_url="http://127.0.0.1:9")
    request = wish("web", created_at=datetime(2026, 1, 31, 16, 5, 6, 789, tzinfo=UTC))
    shown = nowhere.create(request).presentation
    assert shown is not None
    assert (shown.kind, shown.secret_fields) == ("form_post", ())
    assert shown.content["url"] == f"{bank.url}/unionpay/gateway/api/frontTransReq.do"
    fields = shown.content["fields"]
    told = {"txnType": "01", "txnSubType": "01", "bizType": "000201", "channelType": "07",
            "currencyCode": "156", "txnAmt": "2500", "orderId": request.reference,
            "merId": MERCHANT, "signMethod": "01", "version": "5.1.0",
            "frontUrl": request.return_url, "backUrl": request.notify_url}  # fmt: skip
    assert told.items() <= fields.items()
    # Beijing is eight hours ahead: there it is the next day.
    assert fields["txnTime"] == "20260201000506"
    assert nowhere.create(request).presentation == shown
    phone = nowhere.create(wish("web", device="phone")).presentation
    assert phone is not None
    assert phone.content["fields"]["channelType"] == "08"


def test_the_code_is_told_with_its_end(gateway):
    request = wish("qr")
    snapshot = gateway.create(request)
    assert snapshot.state is base.State.PENDING
    assert snapshot.presentation is not None
    assert set(snapshot.presentation.content) == {"text", "expires_at"}
    assert snapshot.expires_at == request.expires_at.replace(microsecond=0)


@pytest.mark.parametrize("method", ["web", "qr"])
def test_a_paid_payment_shows_its_money(bank, gateway, method):
    payment = paid(bank, gateway, method)
    snapshot = gateway.query(payment)
    assert snapshot.state is base.State.CAPTURED
    assert (snapshot.merchant, snapshot.order_reference) == (MERCHANT, "PO-1042")
    assert snapshot.method == method
    (capture,) = snapshot.captures
    assert (capture.amount_minor, capture.currency) == (2500, "CNY")
    assert abs(capture.captured_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert bank.net(payment.reference) == 2500


@shows("unionpay", "create-lost")
def test_a_form_that_is_made_and_posted_again_is_the_same_payment(bank, gateway):
    request = wish("web")
    bank.faults(lose_answer=1, only=["create"])
    with pytest.raises(Exception, match="disconnected"):
        browse(gateway.create(request))
    bank.faults()
    assert browse(gateway.create(request)).status_code == 303
    assert browse(gateway.create(request)).status_code == 303
    assert len(bank.payments()) == 1


@shows("unionpay", "create-lost")
def test_a_code_whose_answer_was_lost_is_found_as_a_payment_without_its_code(bank, gateway):
    """UnionPay refuses an orderId that it knows, so the code itself cannot be had again."""
    request = wish("qr")
    bank.faults(lose_answer=1)
    with pytest.raises(base.Unknown):
        gateway.create(request)
    bank.faults()
    again = gateway.create(request)
    assert (again.state, again.presentation) == (base.State.PENDING, None)
    bank.pay(request.reference)
    assert gateway.create(request).state is base.State.CAPTURED
    assert bank.net(request.reference) == 2500
    assert len(bank.payments()) == 1


def test_a_repeat_that_is_refused_and_not_found_is_unknown(bank, gateway):
    request = opened(gateway)
    bank.faults(not_found=1)
    with pytest.raises(base.Unknown, match="not found"):
        gateway.create(request)


def test_the_second_is_half_of_the_name(gateway):
    request = opened(gateway)
    other = base.PaymentRef(request.reference, "qr", request.created_at - timedelta(seconds=1))
    assert gateway.query(other).state is base.State.NOT_FOUND
    assert gateway.query(named(request)).state is base.State.PENDING


def test_a_form_that_nobody_posted_is_not_found_and_not_closable(gateway):
    request = wish("web")
    gateway.create(request)
    assert gateway.query(named(request)).state is base.State.NOT_FOUND
    result = gateway.close(named(request))
    assert result.answer is base.CloseAnswer.NOT_CLOSABLE
    assert result.dead_after == request.expires_at.replace(microsecond=0)


@shows("unionpay", "close-lost", "pay-after-close")
@pytest.mark.parametrize("method", ["web", "qr"])
def test_nothing_is_closed_before_its_time_and_money_after_the_wish_is_found(bank, gateway, method):
    request = opened(gateway, method)
    bank.faults(lose_answer=1)
    with pytest.raises(base.Unknown):
        gateway.close(named(request))
    bank.faults()
    result = gateway.close(named(request))
    assert result.answer is base.CloseAnswer.NOT_CLOSABLE
    assert result.dead_after == request.expires_at.replace(microsecond=0)
    bank.pay(request.reference)
    assert gateway.query(named(request)).captures[0].amount_minor == 2500


@shows("unionpay", "pay-while-closing")
def test_a_close_of_a_paid_payment_says_paid(bank, gateway):
    result = gateway.close(paid(bank, gateway))
    assert result.answer is base.CloseAnswer.ALREADY_PAID
    assert result.snapshot is not None
    assert result.snapshot.captures[0].amount_minor == 2500


@shows("unionpay", "pay-after-expiry", "close-lost")
def test_after_its_time_it_is_dead_and_the_close_says_so(bank, gateway, an_hour_ago):
    request = opened(gateway, "web", now=an_hour_ago)
    set_clock(bank, timedelta())
    assert bank.pay(request.reference).status_code == 409
    assert gateway.query(named(request)).state is base.State.DECLINED
    assert gateway.close(named(request)).answer is base.CloseAnswer.CLOSED
    assert bank.net(request.reference) == 0


@shows("unionpay", "pay-after-expiry")
def test_money_that_the_banks_page_brings_late_is_found(bank, gateway, an_hour_ago):
    request = opened(gateway, "web", now=an_hour_ago)
    bank.faults(late_capture=1800 / 0.05)
    bank.pay(request.reference)
    set_clock(bank, timedelta())
    assert gateway.query(named(request)).state is base.State.CAPTURED
    assert bank.net(request.reference) == 2500


def test_a_failure_is_not_final_before_the_time_is_over(bank, gateway, an_hour_ago):
    request = opened(gateway, "web", now=an_hour_ago)
    bank.decline(request.reference)
    early = gateway_of(bank, clock=lambda: request.expires_at + timedelta(minutes=4))
    snapshot = early.query(named(request))
    assert (snapshot.state, snapshot.note) == (base.State.PENDING, "unionpay_64")
    assert gateway.query(named(request)).state is base.State.DECLINED
    # And indeed: the shopper's second try succeeds.
    bank.pay(request.reference)
    assert gateway.query(named(request)).state is base.State.CAPTURED


@shows("unionpay", "clock-skew")
@pytest.mark.parametrize("ahead", [timedelta(minutes=-10), timedelta(minutes=4)])
def test_a_clock_that_is_some_minutes_off_gives_nothing_up(bank, ahead):
    """No signature carries a time; the end is judged with a margin of five minutes."""
    now = datetime.now(UTC)
    gateway = gateway_of(bank, clock=lambda: now + timedelta(seconds=20) + ahead)
    request = opened(gateway, "web", now=now, expires_at=now + timedelta(seconds=20))
    bank.faults(clock_skew=3600)
    assert gateway.query(named(request)).state is base.State.PENDING


@shows("unionpay", "refund-lost")
def test_a_refund_whose_answer_was_lost_goes_out_once(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 1000)
    bank.faults(lose_answer=1)
    with pytest.raises(base.Unknown):
        gateway.refund(refund)
    bank.faults()
    snapshot = gateway.refund(refund)
    assert (snapshot.state, snapshot.amount_minor) == (base.RefundState.DONE, 1000)
    assert bank.net(payment.reference) == 1500


@shows("unionpay", "refund-twice")
def test_a_refund_is_accepted_first_and_done_when_it_is_asked_for(bank, gateway):
    payment = paid(bank, gateway, "web")
    refund = giving_back(payment, 1000)
    assert gateway.refund(refund).state is base.RefundState.PENDING
    assert [gateway.refund(refund).state for _ in range(2)] == [base.RefundState.DONE] * 2
    found = gateway.query_refund(refund)
    assert (found.state, found.amount_minor, found.currency) == (
        base.RefundState.DONE, 1000, "CNY",
    )  # fmt: skip
    with pytest.raises(base.Refused, match="unionpay_36"):
        gateway.refund(giving_back(payment, 1501))
    assert bank.net(payment.reference) == 1500


@shows("unionpay", "refund-fails")
def test_a_refund_can_be_pending_and_fail(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(refund_fail=1)
    refund = giving_back(payment, 1000)
    assert gateway.refund(refund).state is base.RefundState.PENDING
    wait_for(lambda: gateway.query_refund(refund).state is base.RefundState.FAILED)
    assert bank.net(payment.reference) == 2500


def test_a_refund_is_named_by_its_second_too_and_belongs_to_its_payment(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 1000)
    gateway.refund(refund)
    earlier = giving_back(
        payment, 1000, reference=refund.reference,
        created_at=refund.created_at - timedelta(seconds=1),
    )  # fmt: skip
    assert gateway.query_refund(earlier).state is base.RefundState.NOT_FOUND
    foreign = giving_back(
        named(wish()), 1000, reference=refund.reference, created_at=refund.created_at
    )
    with pytest.raises(base.Unknown, match="another payment"):
        gateway.query_refund(foreign)
    with pytest.raises(base.Unknown, match="another kind"):
        gateway.query(base.PaymentRef(refund.reference, "qr", refund.created_at))


@shows("unionpay", "wrong-money")
def test_wrong_money_goes_through_untouched_because_the_caller_compares(bank, gateway):
    bank.faults(wrong_amount=1, wrong_currency=1)
    (capture,) = gateway.query(paid(bank, gateway)).captures
    assert (capture.amount_minor, capture.currency) == (25, "USD")


@shows("unionpay", "unknown")
def test_a_query_that_cannot_tell_is_unknown_and_a_held_status_is_pending(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(unknown=1)
    with pytest.raises(base.Unknown, match="05"):
        gateway.query(payment)
    bank.faults(hold_status=1)
    assert gateway.query(payment).state is base.State.PENDING


def test_the_statement_has_every_movement_of_the_day(bank, gateway):
    payment = paid(bank, gateway, "web")
    refund = giving_back(payment, 400, created_at=payment.created_at)
    gateway.refund(refund)
    charge, back = gateway.statement(payment.created_at.date())
    assert (charge.kind, charge.reference, charge.amount_minor, charge.fee_minor) == (
        "charge", payment.reference, 2500, 62,
    )  # fmt: skip
    assert charge.at == payment.created_at.replace(microsecond=0)
    assert (back.kind, back.reference, back.refund_reference, back.amount_minor) == (
        "refund", payment.reference, refund.reference, 400,
    )  # fmt: skip
    assert charge.transaction_id == back.transaction_id == payment.transaction_id
    # What the statement tells is enough to find the payment, also without our row.
    assert gateway.query(base.PaymentRef(charge.reference, "", charge.at)).method == "web"
    assert gateway.statement(payment.created_at.date() - timedelta(days=3)) == []


def test_methods_say_how_long_they_live(bank, gateway):
    web, qr = gateway.methods()
    assert (web.method, web.presentations) == ("web", ("form_post",))
    assert (qr.method, qr.presentations) == ("qr", ("qr",))
    for method in (web, qr):
        assert method.currencies == frozenset({"CNY"})
        assert method.lifetime == timedelta(minutes=15)
        assert method.not_found_final_after == timedelta(minutes=20)
        assert method.late_window == timedelta(days=7)
        assert (method.refundable, method.merchant_captures) == (True, False)
    with pytest.raises(base.Refused):
        gateway.capture(named(wish()), "key")
