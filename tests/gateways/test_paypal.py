"""The PayPal adapter against the simulated PayPal over HTTP; money is counted in the ledger."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
from payments.gateways.paypal import PayPalGateway
from tests.bank import Bank
from tests.gateways.paypal_shop import agreed, gateway_of, named, paid, secrets_of, wish
from tests.gateways.rows import excludes, shows
from tests.gateways.stripe_shop import long_ago
from tests.simulator.ear import wait_for

excludes(
    "paypal",
    close_lost="closing is not capturing: no call is made that could be lost",
)


@pytest.fixture
def gateway(bank: Bank) -> PayPalGateway:
    return gateway_of(bank)


def test_an_order_leads_to_paypals_page(bank, gateway):
    request = wish()
    made = gateway.create(request)
    assert (made.state, made.reference, made.order_reference) == (
        base.State.PENDING, request.reference, request.order_reference,
    )  # fmt: skip
    assert made.presentation.kind == "redirect"
    assert "EUR 25.00" in bank.client.get(made.presentation.content["url"]).text


def test_on_paypals_page_the_shopper_agrees_and_nothing_moves(bank, gateway):
    request = wish()
    made = gateway.create(request)
    url = made.presentation.content["url"]
    bank.client.post(url, data={"act": "pay"})
    assert "You have agreed" in bank.client.get(url).text
    assert gateway.query(named(request, made)).state is base.State.AUTHORIZED
    assert bank.ledger(request.reference) == []


def test_a_shopper_who_turns_back_can_come_again(bank, gateway):
    request = wish()
    made = gateway.create(request)
    bank.client.post(made.presentation.content["url"], data={"act": "decline"})
    assert gateway.query(named(request, made)).state is base.State.PENDING
    bank.pay(request.reference)
    assert gateway.query(named(request, made)).state is base.State.AUTHORIZED


def test_what_is_opened_dead_is_closed(bank, gateway):
    bank.faults(decline_create=1)
    assert gateway.create(wish()).state is base.State.CLOSED


@shows("paypal", "create-lost")
def test_a_create_whose_answer_was_lost_is_found_by_the_same_request(bank, gateway):
    request = wish()
    bank.faults(lose_answer=1, only=["create"])
    with pytest.raises(base.Unknown):
        gateway.create(request)
    bank.faults()
    # Nobody knows PayPal's id yet: the question itself repeats the request.
    assert gateway.query(named(request)) == gateway.create(request)
    assert len(bank.payments()) == 1


def test_a_capture_takes_the_money(bank, gateway):
    payment = agreed(bank, gateway)
    snapshot = gateway.capture(payment, "CAPTURE-KEY-0000000000001")
    assert snapshot.state is base.State.CAPTURED
    (capture,) = snapshot.captures
    assert (capture.amount_minor, capture.currency, capture.refunded_minor) == (2500, "EUR", 0)
    assert capture.transaction_id == bank.ledger(payment.reference)[0]["transaction_id"]
    assert abs(capture.captured_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert gateway.query(payment) == snapshot


@shows("paypal", "capture-lost")
def test_a_capture_whose_answer_was_lost_takes_the_money_once(bank, gateway):
    payment = agreed(bank, gateway)
    bank.faults(lose_answer=1, only=["capture"])
    with pytest.raises(base.Unknown):
        gateway.capture(payment, "CAPTURE-KEY-0000000000001")
    bank.faults()
    for key in ("CAPTURE-KEY-0000000000001", "CAPTURE-KEY-0000000000002"):
        # Another key is told ORDER_ALREADY_CAPTURED, which is no failure.
        assert gateway.capture(payment, key).state is base.State.CAPTURED
    assert bank.net(payment.reference) == 2500


def test_a_capture_carries_the_key_of_its_wish(bank, gateway):
    """PayPal answers one key once; which one it saw stands in its books alone."""
    payment = agreed(bank, gateway)
    gateway.capture(payment, "CAPTURE-KEY-0000000000001")
    with closing(sqlite3.connect(bank.keys("paypal").parent.parent / "ledger.sqlite3")) as books:
        asked = "SELECT facts FROM payments WHERE reference = ?"
        (facts,) = books.execute(asked, [payment.reference]).fetchone()
    assert json.loads(facts)["capture_key"] == "CAPTURE-KEY-0000000000001"


def test_twenty_captures_at_once_take_the_money_once(bank, gateway):
    payment = agreed(bank, gateway)
    said = []

    def take(number: int) -> None:
        said.append(gateway.capture(payment, f"CAPTURE-KEY-00000000000{number:02}").state)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [base.State.CAPTURED] * 20
    assert bank.net(payment.reference) == 2500


def test_a_capture_before_the_shopper_agreed_takes_nothing(bank, gateway):
    request = wish()
    made = gateway.create(request)
    answer = gateway.capture(named(request, made), "CAPTURE-KEY-0000000000001")
    assert (answer.state, answer.note) == (base.State.PENDING, "ORDER_NOT_APPROVED")
    assert bank.net(request.reference) == 0


def test_a_refused_instrument_sends_the_shopper_back_and_takes_nothing(bank, gateway):
    payment = agreed(bank, gateway)
    bank.faults(refuse_capture=1)
    answer = gateway.capture(payment, "CAPTURE-KEY-0000000000001")
    assert (answer.state, answer.note) == (base.State.PENDING, "INSTRUMENT_DECLINED")
    bank.faults()
    assert gateway.capture(payment, "CAPTURE-KEY-0000000000002").state is base.State.CAPTURED
    assert bank.net(payment.reference) == 2500


def test_a_completed_order_is_not_paid_until_its_capture_is(bank, gateway):
    """An eCheck: the capture waits for a bank, and the order says COMPLETED meanwhile."""
    payment = agreed(bank, gateway)
    bank.faults(late_capture=4)  # times the test's factor of 0.05
    with pytest.raises(base.Unknown, match="capture_pending"):
        gateway.capture(payment, "CAPTURE-KEY-0000000000001")
    seen = gateway.query(payment)
    assert (seen.state, seen.note, seen.captures) == (
        base.State.PENDING, "capture_pending", (),
    )  # fmt: skip
    blocked = gateway.close(payment)
    assert blocked.answer is base.CloseAnswer.NOT_CLOSABLE
    assert blocked.dead_after > datetime.now(UTC) + timedelta(days=5)
    wait_for(lambda: gateway.query(payment).state is base.State.CAPTURED)
    assert bank.net(payment.reference) == 2500


def test_a_declined_capture_is_final(bank, gateway):
    payment = agreed(bank, gateway)
    bank.faults(decline_capture=1)
    assert gateway.capture(payment, "CAPTURE-KEY-0000000000001").state is base.State.DECLINED
    assert gateway.close(payment).answer is base.CloseAnswer.CLOSED
    assert bank.net(payment.reference) == 0


@shows("paypal", "pay-while-closing", "pay-after-close")
def test_what_was_closed_and_never_captured_is_never_paid(bank, gateway):
    request = wish()
    made = gateway.create(request)
    assert gateway.close(named(request, made)) == base.CloseResult(base.CloseAnswer.CLOSED)
    # The shopper agrees all the same, before or after: without our capture nothing moves.
    bank.pay(request.reference)
    assert gateway.close(named(request, made)).answer is base.CloseAnswer.CLOSED
    assert bank.ledger(request.reference) == []


def test_a_close_needs_no_paypal(bank):
    gone = gateway_of(bank, base_url="http://127.0.0.1:9")
    assert gone.close(named(wish())).answer is base.CloseAnswer.CLOSED


@shows("paypal", "pay-while-closing")
def test_once_a_capture_was_sent_a_close_asks_first(bank, gateway):
    payment = agreed(bank, gateway)
    waiting = gateway.close(payment)
    assert waiting.answer is base.CloseAnswer.NOT_CLOSABLE
    assert waiting.dead_after > datetime.now(UTC)
    gateway.capture(payment, "CAPTURE-KEY-0000000000001")
    late = gateway.close(payment)
    assert late.answer is base.CloseAnswer.ALREADY_PAID
    assert late.snapshot.captures[0].amount_minor == 2500


@shows("paypal", "pay-after-expiry")
def test_an_order_that_ran_out_is_gone(bank, gateway):
    with long_ago(bank, hours=13) as then:
        request = wish(created_at=then)
        made = gateway_of(bank, clock=lambda: then).create(request)
    assert bank.pay(request.reference).status_code == 409
    assert gateway.query(named(request, made)).state is base.State.NOT_FOUND
    # Where a capture was sent, "not found" proves nothing.
    with pytest.raises(base.Unknown):
        gateway.query(named(request, made, capture_sent=True))
    with pytest.raises(base.Unknown):
        gateway.close(named(request, made, capture_sent=True))


def test_after_six_hours_the_key_is_not_used_again(bank, gateway):
    """PayPal has forgotten it: the same create would open a second order."""
    with long_ago(bank, hours=7) as then:
        request = wish(created_at=then)
        gateway_of(bank, clock=lambda: then).create(request)
    with pytest.raises(base.Unknown, match="too old"):
        gateway.create(request)
    assert len(bank.payments()) == 1


def test_a_capture_whose_order_nobody_remembers_is_found_in_the_report(bank, gateway):
    payment = paid(bank, gateway)
    lost = base.PaymentRef(payment.reference, "", payment.created_at)
    snapshot = gateway.query(lost)
    assert (snapshot.state, snapshot.gateway_id) == (base.State.CAPTURED, payment.gateway_id)
    assert (snapshot.order_reference, snapshot.method) == ("PO-1042", "redirect")


def test_not_found_is_said_only_when_the_report_is_complete(gateway):
    young = base.PaymentRef("0" * 26, "", datetime.now(UTC))
    with pytest.raises(base.Unknown, match="not complete"):
        gateway.query(young)
    old = replace(young, created_at=datetime.now(UTC) - timedelta(days=2))
    assert gateway.query(old).state is base.State.NOT_FOUND


def test_one_token_serves_many_calls_and_is_fetched_once(bank, gateway):
    """Twenty threads without a token: one asks for it, the others wait for it."""
    ended = "/paypal/v1/oauth2/token/terminate"
    bank.client.post(ended)
    threads = [threading.Thread(target=lambda: gateway.create(wish())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bank.client.post(ended).json() == {"ended": 1}
    assert len(bank.payments()) == 20


def test_a_token_that_was_revoked_is_dropped_and_the_request_goes_again(bank, gateway):
    gateway.create(wish())
    assert bank.client.post("/paypal/v1/oauth2/token/terminate").json()["ended"] >= 1
    request = wish()
    assert gateway.create(request).state is base.State.PENDING
    assert [row["reference"] for row in bank.payments()].count(request.reference) == 1


def test_a_token_is_renewed_before_it_ends(bank):
    now = [datetime.now(UTC)]
    gateway = gateway_of(bank, clock=lambda: now[0])
    gateway.create(wish())
    first = gateway._client._token
    now[0] += timedelta(seconds=32_400 - 61)
    gateway.query(named(wish(created_at=now[0])))
    assert gateway._client._token == first
    now[0] += timedelta(seconds=2)
    gateway.query(named(wish(created_at=now[0])))
    assert gateway._client._token != first


def test_methods_say_that_we_capture(bank, gateway):
    (method,) = gateway.methods()
    assert method.merchant_captures
    assert "EUR" in method.currencies
    assert "INR" not in method.currencies
    assert method.not_found_final_after > timedelta(hours=12)


def test_a_gateway_without_its_settings_is_never_built(bank):
    for missing in ("client_id", "client_secret", "merchant_id", "webhook_id",
                    "trust_anchor_file", "certificate_name"):  # fmt: skip
        with pytest.raises(ValueError, match="paypal"):
            gateway_of(bank, **{missing: ""})
    assert secrets_of(bank)["client_secret"] not in repr(gateway_of(bank))
