"""The Razorpay adapter against the simulated Razorpay over HTTP; money is counted in its ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
from payments.gateways.razorpay import RazorpayGateway
from tests.bank import Bank
from tests.gateways.razorpay import (
    ACCOUNT,
    authorized,
    gateway_of,
    giving_back,
    named,
    opened,
    paid,
    wish,
)
from tests.gateways.rows import shows
from tests.simulator.ear import wait_for

DAY = timedelta(days=1)


@pytest.fixture
def gateway(bank: Bank) -> RazorpayGateway:
    return gateway_of(bank)


def test_the_checkout_is_embedded_with_the_orders_id(bank, gateway):
    request = wish()
    snapshot = gateway.create(request)
    assert (snapshot.state, snapshot.expires_at) == (base.State.PENDING, request.expires_at)
    assert (snapshot.merchant, snapshot.order_reference) == (ACCOUNT, "PO-1042")
    shown = snapshot.presentation
    assert shown is not None
    assert (shown.kind, shown.secret_fields) == ("embedded", ("client_token",))
    assert shown.content["provider"] == "razorpay"
    assert shown.content["public_key"].startswith("rzp_test_")
    assert shown.content["client_token"] == snapshot.gateway_id
    page = bank.client.get(f"/razorpay/checkout/{snapshot.gateway_id}")
    assert "INR 25.00" in page.text


def test_the_link_is_a_redirect_that_ends_when_we_said(bank, gateway):
    request = wish("link")
    snapshot = gateway.create(request)
    assert snapshot.presentation is not None
    assert snapshot.presentation.kind == "redirect"
    assert snapshot.expires_at == request.expires_at.replace(microsecond=0)
    page = bank.client.post(
        snapshot.presentation.content["url"], data={"act": "pay"}, follow_redirects=False
    )
    assert page.headers["location"].startswith(f"{request.return_url}?razorpay_payment_link_id=")
    assert gateway.query(named(request)).state is base.State.CAPTURED
    assert bank.net(request.reference) == 2500


@shows("razorpay", "create-lost")
@pytest.mark.parametrize("method", ["checkout", "link"])
def test_a_create_whose_answer_was_lost_is_found_and_not_made_again(bank, gateway, method):
    request = wish(method)
    bank.faults(lose_answer=1, only=["create"])
    with pytest.raises(base.Unknown):
        gateway.create(request)
    bank.faults()
    first, second = gateway.create(request), gateway.create(request)
    assert first == second
    assert first.presentation is not None
    assert len(bank.payments()) == 1


@shows("razorpay", "create-lost")
def test_a_late_twin_of_an_order_is_never_shown_and_its_money_would_be_seen(bank, gateway):
    request = wish()
    bank.faults(late_request=1, late_request_ms=100, only=["create"], at_most=1)
    with pytest.raises(base.Unknown):
        gateway.create(request)
    shown = gateway.create(request)
    wait_for(lambda: len(bank.payments()) == 2)
    assert gateway.create(request).presentation == shown.presentation
    assert gateway.query(named(request)).gateway_id == shown.gateway_id
    bank.pay(request.reference)
    assert gateway.query(named(request)).state is base.State.AUTHORIZED


def test_a_receipt_that_only_contains_ours_is_not_ours(gateway):
    longer = opened(gateway, reference="ABCDEFGHIJ0123456789X")
    inner = base.PaymentRef("ABCDEFGHIJ0123456789", "", longer.created_at)
    assert gateway.query(inner).state is base.State.NOT_FOUND
    assert gateway.close(inner).answer is base.CloseAnswer.NOT_FOUND


def test_a_reference_that_stands_for_another_amount_is_unknown(gateway):
    for method in ("checkout", "link"):
        request = wish(method)
        gateway.create(request)
        with pytest.raises(base.Unknown, match="another amount"):
            gateway.create(wish(method, reference=request.reference, amount_minor=2600))


def test_nothing_is_taken_before_we_capture(bank, gateway):
    payment = authorized(bank, gateway)
    snapshot = gateway.query(payment)
    assert (snapshot.state, snapshot.captures) == (base.State.AUTHORIZED, ())
    assert bank.net(payment.reference) == 0
    captured = gateway.capture(payment, "a-key")
    assert captured.state is base.State.CAPTURED
    (capture,) = captured.captures
    assert (capture.amount_minor, capture.currency, capture.refunded_minor) == (2500, "INR", 0)
    assert abs(capture.captured_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert bank.net(payment.reference) == 2500


@shows("razorpay", "capture-lost")
@pytest.mark.parametrize("knob", ["lose_answer", "error_after", "late_request"])
def test_a_capture_whose_answer_was_lost_takes_the_money_once(bank, gateway, knob):
    payment = authorized(bank, gateway)
    bank.faults(**{knob: 1, "late_request_ms": 50, "only": ["capture"], "at_most": 1})
    with pytest.raises(base.Unknown):
        gateway.capture(payment, "a-key")
    assert gateway.capture(payment, "a-key").state is base.State.CAPTURED
    assert gateway.capture(payment, "another-key").state is base.State.CAPTURED
    assert [row["kind"] for row in bank.ledger(payment.reference)] == ["charge"]


def test_a_capture_of_nothing_takes_nothing(bank, gateway):
    payment = opened(gateway)
    assert gateway.capture(payment, "a-key").state is base.State.PENDING
    with pytest.raises(base.Unknown, match="not found"):
        gateway.capture(named(wish()), "a-key")
    request = wish()
    gateway.create(request)
    bank.pay(request.reference)
    more = wish(reference=request.reference, amount_minor=2600)
    answer = gateway.capture(named(more), "a-key")
    assert (answer.state, answer.note) == (base.State.PENDING, "authorized for another amount")
    assert bank.ledger() == []


def test_a_failure_can_turn_out_to_be_authorized_later(bank, gateway):
    payment = opened(gateway)
    bank.decline(payment.reference)
    snapshot = gateway.query(payment)
    assert (snapshot.state, snapshot.note) == (base.State.PENDING, "declined")
    bank.pay(payment.reference)
    assert gateway.query(payment).state is base.State.AUTHORIZED


@shows("razorpay", "refund-lost")
def test_a_refund_whose_answer_was_lost_goes_out_once(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 1000)
    bank.faults(lose_answer=1, only=["refund"])
    with pytest.raises(base.Unknown):
        gateway.refund(refund)
    bank.faults()
    assert gateway.refund(refund).state is base.RefundState.DONE
    assert bank.net(payment.reference) == 1500


@shows("razorpay", "refund-twice", "refund-lost")
def test_a_refund_is_sent_once_also_when_the_first_one_comes_late(bank, gateway):
    payment = paid(bank, gateway, "link")
    refund = giving_back(payment, 1000)
    bank.faults(late_request=1, late_request_ms=100, only=["refund"], at_most=1)
    with pytest.raises(base.Unknown):
        gateway.refund(refund)
    # Not found yet, so it is sent again; the late one has the same key.
    snapshots = [gateway.refund(refund) for _ in range(2)] + [gateway.query_refund(refund)]
    assert {(s.state, s.amount_minor, s.currency) for s in snapshots} == {
        (base.RefundState.DONE, 1000, "INR")
    }
    with pytest.raises(base.Refused, match="over_refund"):
        gateway.refund(giving_back(payment, 1501))
    (fact,) = gateway.query(payment).refunds
    assert (fact.reference, fact.state) == (refund.reference, base.RefundState.DONE)
    assert gateway.query(payment).captures[0].refunded_minor == 1000
    assert bank.net(payment.reference) == 1500
    gateway.refund(giving_back(payment, 1500))
    assert gateway.query(payment).state is base.State.CAPTURED
    assert bank.net(payment.reference) == 0


def test_the_key_holds_where_the_list_lags_behind(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 1000)
    gateway.refund(refund)
    bank.faults(not_found=1, only=["query_refund"])
    assert gateway.refund(refund).state is base.RefundState.DONE
    assert bank.net(payment.reference) == 1500


@shows("razorpay", "refund-fails")
def test_a_refund_can_be_pending_and_fail(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(refund_fail=1)
    refund = giving_back(payment, 1000)
    assert gateway.refund(refund).state is base.RefundState.PENDING
    wait_for(lambda: gateway.query_refund(refund).state is base.RefundState.FAILED)
    assert bank.net(payment.reference) == 2500


@shows("razorpay", "wrong-money")
def test_wrong_money_goes_through_untouched_because_the_caller_compares(bank, gateway):
    bank.faults(wrong_amount=1, wrong_currency=1)
    (capture,) = gateway.query(paid(bank, gateway)).captures
    assert (capture.amount_minor, capture.currency) == (25, "USD")


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 295), ("KWD", 295_990)])
def test_places_are_razorpays_own(bank, gateway, currency, amount):
    payment = authorized(bank, gateway, currency=currency, amount_minor=amount)
    (capture,) = gateway.capture(payment, "a-key").captures
    assert (capture.amount_minor, capture.currency) == (amount, currency)


def test_the_statement_has_every_movement_of_the_day(bank, gateway):
    checkout, link = paid(bank, gateway), paid(bank, gateway, "link")
    refund = giving_back(checkout, 400)
    gateway.refund(refund)
    rows = gateway.statement(datetime.now(UTC).date())
    told = {(r.kind, r.reference, r.refund_reference, r.amount_minor, r.fee_minor) for r in rows}
    assert told == {
        ("charge", checkout.reference, "", 2500, 62),
        ("charge", link.reference, "", 2500, 62),
        ("refund", checkout.reference, refund.reference, 400, 0),
    }  # fmt: skip
    assert gateway.statement(datetime.now(UTC).date() - DAY) == []
    # What the statement tells is enough to find the payment, also without our row.
    for payment, method in ((checkout, "checkout"), (link, "link")):
        lost = base.PaymentRef(payment.reference, "", datetime.now(UTC))
        assert gateway.query(lost).method == method


def test_methods_say_how_long_they_live_and_who_may_be_framed(bank, gateway):
    checkout, link = gateway.methods()
    assert (checkout.merchant_captures, link.merchant_captures) == (True, False)
    assert checkout.frame_origins == (bank.url,)
    assert "{client_token}" in checkout.frame_url
    # A link must be at least 15 minutes ahead when it arrives.
    assert (checkout.lifetime, link.lifetime) == (timedelta(minutes=15), timedelta(minutes=20))
    assert all(m.not_found_final_after > m.lifetime for m in (checkout, link))
    assert all(m.late_window == 5 * DAY and m.amount_minor_min == 100 for m in (checkout, link))
