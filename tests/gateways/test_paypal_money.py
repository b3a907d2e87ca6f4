"""PayPal: refunds, statements and amounts, counted in the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
from payments.gateways import paypal_answers as answers
from payments.gateways.paypal import PayPalGateway
from tests.bank import Bank
from tests.gateways.paypal_shop import agreed, gateway_of, giving_back, paid, secrets_of
from tests.gateways.rows import shows
from tests.gateways.stripe_shop import long_ago
from tests.simulator.ear import wait_for
from tests.simulator.merchant import new_reference


@pytest.fixture
def gateway(bank: Bank) -> PayPalGateway:
    return gateway_of(bank)


def by_hand(bank: Bank, payment: base.PaymentRef, **body: object) -> None:
    """A refund made at PayPal's own desk: it carries no word of ours."""
    keys = secrets_of(bank)
    told = bank.client.post(
        "/paypal/v1/oauth2/token",
        content=b"grant_type=client_credentials",
        auth=(keys["client_id"], keys["client_secret"]),
    ).json()
    answer = bank.client.post(
        f"/paypal/v2/payments/captures/{payment.transaction_id}/refund",
        json=body,
        headers={"Authorization": f"Bearer {told['access_token']}"},
    )
    assert answer.status_code == 201, answer.text


@shows("paypal", "refund-twice")
def test_a_refund_is_sent_once_however_often_it_is_repeated(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 1000)
    told = [gateway.refund(refund) for _ in range(3)] + [gateway.query_refund(refund)]
    assert {(s.state, s.amount_minor, s.currency) for s in told} == {
        (base.RefundState.DONE, 1000, "EUR")
    }
    assert bank.net(payment.reference) == 1500
    snapshot = gateway.query(payment)
    (fact,) = snapshot.refunds
    assert (fact.reference, fact.transaction_id) == (refund.reference, payment.transaction_id)
    assert snapshot.captures[0].refunded_minor == 1000


@shows("paypal", "refund-lost")
def test_a_refund_whose_answer_was_lost_goes_out_once(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 1000)
    bank.faults(lose_answer=1, only=["refund"])
    with pytest.raises(base.Unknown):
        gateway.refund(refund)
    bank.faults()
    # Without PayPal's id of it: the order lists its refunds.
    assert gateway.query_refund(refund).state is base.RefundState.DONE
    assert gateway.refund(refund).state is base.RefundState.DONE
    assert bank.net(payment.reference) == 1500


def test_after_its_key_a_refund_is_looked_for_before_it_is_sent_again(bank, gateway):
    with long_ago(bank, days=46) as then:
        old = gateway_of(bank, clock=lambda: then)
        payment = paid(bank, old, created_at=then)
        refund = giving_back(payment, 1000, created_at=then)
        old.refund(refund)
    assert gateway.refund(refund).state is base.RefundState.DONE
    assert bank.net(payment.reference) == 1500


@shows("paypal", "refund-fails")
@pytest.mark.parametrize("knob", ["refund_fail", "refund_fail_late"])
def test_a_refund_can_fail_also_after_it_was_done(bank, gateway, knob):
    payment = paid(bank, gateway)
    bank.faults(**{knob: 1})
    refund = giving_back(payment, 1000)
    gateway.refund(refund)
    wait_for(lambda: gateway.query_refund(refund).state is base.RefundState.FAILED)
    assert bank.net(payment.reference) == 2500
    assert gateway.query(payment).captures[0].refunded_minor == 0


@shows("paypal", "refund-twice")
def test_more_than_is_left_is_refused(bank, gateway):
    payment = paid(bank, gateway)
    with pytest.raises(base.Refused, match="REFUND_AMOUNT_EXCEEDED"):
        gateway.refund(giving_back(payment, 2501))
    gateway.refund(giving_back(payment, 2500))
    with pytest.raises(base.Refused, match="CAPTURE_FULLY_REFUNDED"):
        gateway.refund(giving_back(payment, 1))
    assert bank.net(payment.reference) == 0
    assert gateway.query(payment).captures[0].refunded_minor == 2500


def test_a_refund_before_any_capture_is_not_known_to_be_impossible(bank, gateway):
    payment = agreed(bank, gateway)
    for call in (gateway.refund, gateway.query_refund):
        with pytest.raises(base.Unknown, match="captur"):
            call(giving_back(payment, 100))


def test_an_unknown_refund_is_not_found(bank, gateway):
    refund = giving_back(paid(bank, gateway), 100)
    assert gateway.query_refund(refund).state is base.RefundState.NOT_FOUND
    found = gateway.refund(replace(refund, payment=replace(refund.payment, transaction_id="")))
    assert found.state is base.RefundState.DONE


def test_a_refund_from_paypals_desk_is_shown_under_its_id(bank, gateway):
    payment = paid(bank, gateway)
    by_hand(bank, payment, amount={"currency_code": "EUR", "value": "7.00"})
    snapshot = gateway.query(payment)
    (fact,) = snapshot.refunds
    assert (fact.amount_minor, len(fact.reference)) == (700, 17)
    assert snapshot.captures[0].refunded_minor == 700
    back = gateway.statement(datetime.now(UTC).date())[1]
    assert (back.reference, back.refund_reference) == (payment.reference, fact.reference)


def test_the_statement_has_every_movement_of_the_day(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 400)
    gateway.refund(refund)
    charge, back = gateway.statement(datetime.now(UTC).date())
    assert (charge.kind, charge.reference, charge.amount_minor, charge.fee_minor) == (
        "charge", payment.reference, 2500, 62,
    )  # fmt: skip
    assert (back.kind, back.reference, back.refund_reference, back.amount_minor) == (
        "refund", payment.reference, refund.reference, 400,
    )  # fmt: skip
    assert charge.transaction_id == back.transaction_id == payment.transaction_id
    assert gateway.statement((datetime.now(UTC) - timedelta(days=2)).date()) == []


def test_a_statement_that_is_not_complete_yet_is_none(bank):
    """PayPal's report lags up to three hours behind."""
    later = gateway_of(bank, clock=lambda: datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(base.Unknown, match="not complete"):
        later.statement(datetime.now(UTC).date())


def test_a_refund_that_came_back_is_no_movement(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(refund_fail_late=1)
    refund = giving_back(payment, 400)
    gateway.refund(refund)
    wait_for(lambda: gateway.query_refund(refund).state is base.RefundState.FAILED)
    assert [row.kind for row in gateway.statement(datetime.now(UTC).date())] == ["charge"]


def test_other_programs_on_the_account_are_not_ours(bank, gateway):
    paid(bank, gateway, reference="INV-2026-0042")
    assert gateway.statement(datetime.now(UTC).date()) == []


@shows("paypal", "wrong-money")
def test_wrong_money_goes_through_untouched_because_the_caller_compares(bank, gateway):
    bank.faults(wrong_amount=1, wrong_currency=1)
    snapshot = gateway.capture(agreed(bank, gateway), new_reference())
    (capture,) = snapshot.captures
    assert (capture.amount_minor, capture.currency) == (25, "USD")


@pytest.mark.parametrize(
    ("currency", "minor", "value"),
    [("EUR", 2500, "25.00"), ("EUR", 5, "0.05"), ("JPY", 2500, "2500"), ("HUF", 250_000, "2500"),
     ("TWD", 100, "1"), ("USD", 10**12, "10000000000.00")],
)  # fmt: skip
def test_amounts_are_decimal_strings_of_each_currency(currency, minor, value):
    assert answers.to_money(minor, currency) == {"currency_code": currency, "value": value}
    assert answers.to_minor({"currency_code": currency, "value": value}) == (minor, currency)


@pytest.mark.parametrize(("currency", "minor"), [("HUF", 2501), ("TWD", 1), ("INR", 1), ("EUR", 0)])
def test_an_amount_that_paypal_cannot_say_is_refused_before_it_is_sent(currency, minor):
    with pytest.raises(base.Refused, match="representable"):
        answers.to_money(minor, currency)


@pytest.mark.parametrize(
    "value", ["", "1.005", "1e3", "1,00", " 1.00", "1.00\n", "٣.00", "NaN", "0x10", ".5", "1."]
)
def test_what_is_no_exact_amount_is_none(value):
    with pytest.raises(ValueError, match=r"amount"):
        answers.to_minor({"currency_code": "EUR", "value": value})


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 1), ("HUF", 500), ("USD", 1999)])
def test_money_in_every_currency_arrives_as_it_was_asked_for(bank, gateway, currency, minor):
    payment = agreed(bank, gateway, currency=currency, amount_minor=minor)
    (capture,) = gateway.capture(payment, new_reference()).captures
    assert (capture.amount_minor, capture.currency) == (minor, currency)
    assert bank.net(payment.reference) == minor
