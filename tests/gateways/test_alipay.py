"""Alipay's life of a payment over HTTP: what the adapter says, and what the ledger shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from payments.gateways import base
from payments.gateways.alipay import AlipayGateway
from tests.bank import Bank
from tests.gateways.alipay import (
    CAPTURED,
    CLOSED,
    PENDING,
    gateway_of,
    giving_back,
    named,
    paid,
    scanned,
    shown,
    wish,
)
from tests.gateways.past import living_at
from tests.gateways.rows import excludes, shows
from tests.simulator.ear import wait_for

excludes(
    "alipay",
    capture_lost="the shopper's consent takes the money: there is no capture of ours",
    notice_stale="a notification is repeated for 25 hours and stays genuine: its id tells repeats",
)
DELAY = timedelta(minutes=5)


@pytest.fixture
def gateway(bank: Bank) -> AlipayGateway:
    return gateway_of(bank)


@pytest.mark.parametrize(
    ("method", "device", "called"),
    [
        ("page", "desktop", "alipay.trade.page.pay"),
        ("page", "phone", "alipay.trade.wap.pay"),
        ("app", "phone", "alipay.trade.app.pay"),
    ],
)
def test_a_link_is_signed_here_and_carried_by_the_shopper(bank, gateway, method, device, called):
    request = wish(method, device=device)
    snapshot = gateway.create(request)
    carried = (
        urlsplit(shown(snapshot, "url")).query if method == "page"
        else shown(snapshot, "client_token")
    )  # fmt: skip
    assert parse_qs(carried)["method"] == [called]
    assert snapshot == gateway.create(request)
    assert bank.payments() == []
    opened = bank.client.get(f"/alipay/gateway.do?{carried}", follow_redirects=True)
    assert opened.status_code == 200
    assert gateway.query(named(request)).state is PENDING
    assert bank.client.post(opened.url).headers["location"].startswith("/bank/")
    assert bank.pay(request.reference).status_code == 200
    assert gateway.query(named(request)).state is CAPTURED
    assert bank.net(request.reference) == 2500


def test_the_order_string_of_an_app_is_kept_from_caches_and_logs(gateway):
    presentation = gateway.create(wish("app")).presentation
    assert presentation.secret_fields == ("client_token",)
    assert "return_url" not in parse_qs(presentation.content["client_token"])


@shows("alipay", "create-lost")
def test_a_create_whose_answer_was_lost_finds_the_same_trade(bank, gateway):
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


def test_a_code_that_nobody_scanned_is_pending_until_it_is_dead(bank, gateway):
    request = wish()
    gateway.create(request)
    assert gateway.query(named(request)).state is PENDING
    for age, state in ((1190, PENDING), (1210, base.State.NOT_FOUND)):
        opened_at = datetime.now(UTC) - timedelta(seconds=age)
        assert gateway.query(base.PaymentRef("NOBODYKNOWS1", "qr", opened_at)).state is state
        until = opened_at + timedelta(minutes=15)
        old = wish(created_at=opened_at - timedelta(days=1), expires_at=until)
        assert gateway.query(named(old)).state is state


def test_a_trade_that_was_scanned_waits_and_then_shows_its_money(bank, gateway):
    request = wish()
    payment = scanned(bank, gateway, request)
    waiting = gateway.query(payment)
    assert (waiting.state, waiting.captures) == (PENDING, ())
    bank.pay(request.reference)
    snapshot = gateway.query(payment)
    (capture,) = snapshot.captures
    assert snapshot.state is CAPTURED
    assert (capture.amount_minor, capture.currency, capture.refunded_minor) == (2500, "CNY", 0)
    assert capture.transaction_id == waiting.gateway_id == snapshot.gateway_id
    assert abs(capture.captured_at - datetime.now(UTC)) < timedelta(minutes=1)
    (movement,) = bank.ledger(request.reference)
    assert (movement["gateway"], movement["transaction_id"]) == ("alipay", capture.transaction_id)


@pytest.mark.parametrize("amount_minor", [1, 9, 10, 99, 100, 101, 12_345_678])
def test_amounts_keep_each_fen(bank, gateway, amount_minor):
    payment = paid(bank, gateway, amount_minor=amount_minor)
    assert gateway.query(payment).captures[0].amount_minor == amount_minor
    assert bank.net(payment.reference) == amount_minor


def test_another_currency_is_refused_before_anything_is_sent(bank, gateway):
    with pytest.raises(base.Refused, match="currency"):
        gateway.create(wish(currency="EUR"))
    assert bank.payments() == []


@shows("alipay", "close-lost")
def test_a_close_whose_answer_was_lost_is_asked_again(bank, gateway):
    request = wish()
    payment = scanned(bank, gateway, request)
    bank.faults(lose_answer=1, only=["close"])
    with pytest.raises(base.Unknown):
        gateway.close(payment)
    bank.faults()
    assert gateway.close(payment).answer is base.CloseAnswer.CLOSED
    assert bank.pay(request.reference).status_code == 409
    assert gateway.create(request).state is CLOSED
    assert bank.net(request.reference) == 0


@shows("alipay", "pay-after-close")
def test_a_code_that_nobody_scanned_is_payable_after_our_close_and_found_late(bank, gateway):
    request = wish()
    gateway.create(request)
    answer = gateway.close(named(request))
    assert answer.answer is base.CloseAnswer.NOT_CLOSABLE
    assert answer.dead_after == request.expires_at + DELAY
    assert bank.pay(request.reference).status_code == 200
    assert gateway.query(named(request)).state is CAPTURED


@shows("alipay", "pay-while-closing")
def test_a_trade_that_was_paid_is_not_closed_and_its_money_stays(bank, gateway):
    payment = paid(bank, gateway)
    answer = gateway.close(payment)
    assert answer.answer is base.CloseAnswer.ALREADY_PAID
    assert answer.snapshot.captures[0].amount_minor == 2500
    # alipay.trade.cancel would have sent it back.
    assert bank.net(payment.reference) == 2500


def test_a_trade_that_cannot_be_closed_now_is_payable_until_it_is_dead(bank, gateway):
    request = wish()
    payment = scanned(bank, gateway, request)
    bank.faults(refuse_close=1)
    answer = gateway.close(payment)
    assert answer.answer is base.CloseAnswer.NOT_CLOSABLE
    assert answer.dead_after == request.expires_at + DELAY


@shows("alipay", "pay-after-expiry")
def test_nothing_can_be_paid_after_its_time(bank, gateway):
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=18)
    codes = [wish(created_at=past, expires_at=past + timedelta(minutes=15)) for _ in range(2)]
    with living_at(bank, past):
        gateway.create(codes[0])
        payment = scanned(bank, gateway, codes[1])
    for request in codes:
        assert bank.pay(request.reference).status_code == 409
    assert gateway.query(payment).state is CLOSED
    assert gateway.query(named(codes[0])).state is PENDING
    assert bank.ledger() == []


def test_a_refund_goes_out_and_is_found(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 700)
    assert gateway.query_refund(refund).state is base.RefundState.NOT_FOUND
    done = base.RefundSnapshot(base.RefundState.DONE, amount_minor=700, currency="CNY")
    assert gateway.refund(refund) == done
    assert gateway.query_refund(refund) == done
    assert gateway.query(payment).state is CAPTURED
    assert bank.net(payment.reference) == 1800


@shows("alipay", "refund-lost")
def test_a_refund_whose_answer_was_lost_goes_out_once(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 700)
    bank.faults(lose_answer=1, only=["refund"])
    with pytest.raises(base.Unknown):
        gateway.refund(refund)
    bank.faults()
    assert gateway.refund(refund).state is base.RefundState.DONE
    assert bank.net(payment.reference) == 1800


@shows("alipay", "refund-twice")
def test_a_refund_goes_out_once_and_more_than_is_left_is_refused(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 2000)
    assert gateway.refund(refund) == gateway.refund(refund)
    with pytest.raises(base.Refused, match="REFUND_FEE"):
        gateway.refund(giving_back(payment, 501))
    with pytest.raises(base.Unknown, match="DISCORDANT"):
        gateway.refund(giving_back(payment, 100, reference=refund.reference))
    assert bank.net(payment.reference) == 500


def test_a_trade_that_went_back_as_a_whole_is_closed_there_and_captured_here(bank, gateway):
    payment = paid(bank, gateway)
    gateway.refund(giving_back(payment, 2500))
    snapshot = gateway.query(payment)
    assert snapshot.state is CAPTURED
    assert snapshot.captures[0].refunded_minor == 2500
    assert gateway.close(payment).answer is base.CloseAnswer.ALREADY_PAID
    assert bank.net(payment.reference) == 0


@shows("alipay", "refund-fails")
def test_a_refund_that_fails_is_pending_first_and_never_done(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 700)
    bank.faults(refund_fail=1, refund_delay=1)
    assert gateway.refund(refund).state is base.RefundState.PENDING
    assert gateway.query_refund(refund).state is base.RefundState.NOT_FOUND
    bank.faults()

    def is_refused() -> bool:
        try:
            return gateway.refund(refund).state is not base.RefundState.PENDING
        except base.Refused:
            return True

    # The number that failed is refused when it is sent again: that is how it is learnt.
    wait_for(is_refused)
    with pytest.raises(base.Refused, match="NOT_ALLOW_REFUND"):
        gateway.refund(refund)
    assert gateway.query_refund(refund).state is base.RefundState.NOT_FOUND
    assert bank.net(payment.reference) == 2500


def test_a_pending_refund_is_found_when_it_is_done(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 700)
    bank.faults(refund_pending=1)
    assert gateway.refund(refund).state is base.RefundState.PENDING
    wait_for(lambda: gateway.query_refund(refund).state is base.RefundState.DONE)
    assert bank.net(payment.reference) == 1800


@shows("alipay", "wrong-money")
def test_wrong_money_goes_through_untouched_because_the_caller_compares(bank, gateway):
    bank.faults(wrong_amount=1, wrong_currency=1)
    payment = paid(bank, gateway)
    (capture,) = gateway.query(payment).captures
    assert (capture.amount_minor, capture.currency) == (25, "USD")
    refund = giving_back(payment, 25, currency="USD")
    assert gateway.refund(refund).currency == "USD"
    assert bank.net(payment.reference) == 0


def test_there_is_no_capture_and_no_statement(gateway):
    with pytest.raises(base.Refused):
        gateway.capture(named(wish()), "key")
    with pytest.raises(base.Refused, match="China"):
        gateway.statement(datetime.now(UTC).date())


def test_methods_say_how_long_they_live(bank, gateway):
    methods = gateway.methods()
    assert [(m.method, *m.presentations) for m in methods] == [
        ("qr", "qr"), ("page", "redirect"), ("app", "embedded"),
    ]  # fmt: skip
    for method in methods:
        assert method.currencies == {"CNY"}
        assert method.lifetime == timedelta(minutes=15)
        assert method.not_found_final_after == timedelta(minutes=20)
        assert not method.merchant_captures
    assert {m.lifetime for m in gateway_of(bank, lifetime_seconds=60).methods()} == {
        timedelta(minutes=1)
    }
