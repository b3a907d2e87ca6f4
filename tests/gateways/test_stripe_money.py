"""Stripe: refunds, statements and amounts, counted in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from babel.numbers import list_currencies

from payments.gateways import base, decimals
from payments.gateways import stripe_forms as forms
from payments.gateways.stripe import StripeGateway
from shop.money import minor_digits
from tests.bank import Bank
from tests.gateways.rows import shows
from tests.gateways.stripe_shop import (
    gateway_of,
    giving_back,
    long_ago,
    named,
    paid,
    secrets_of,
    wish,
)
from tests.simulator.ear import wait_for


@pytest.fixture
def gateway(bank: Bank) -> StripeGateway:
    return gateway_of(bank)


def by_hand(bank: Bank, **form: object) -> None:
    """A refund made at Stripe's own desk: it carries no word of ours."""
    headers = {"Authorization": f"Bearer {secrets_of(bank)['secret_key']}"}
    answer = bank.client.post("/stripe/v1/refunds", data=form, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("method", ["card", "redirect"])
@shows("stripe", "refund-twice")
def test_a_refund_is_sent_once_however_often_it_is_repeated(bank, gateway, method):
    payment = paid(bank, gateway, method)
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


@shows("stripe", "refund-lost")
def test_a_refund_whose_answer_was_lost_goes_out_once(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 1000)
    bank.faults(lose_answer=1)
    with pytest.raises(base.Unknown):
        gateway.refund(refund)
    bank.faults()
    assert gateway.query_refund(refund).state is base.RefundState.DONE
    assert gateway.refund(refund).state is base.RefundState.DONE
    assert bank.net(payment.reference) == 1500


def test_after_a_day_a_refund_is_looked_for_before_it_is_sent_again(bank, gateway):
    """The key is forgotten by then: the same refund would go out a second time."""
    payment = paid(bank, gateway)
    with long_ago(bank, hours=25) as then:
        refund = giving_back(payment, 1000, created_at=then)
        gateway_of(bank, clock=lambda: then).refund(refund)
    assert gateway.refund(refund).state is base.RefundState.DONE
    assert bank.net(payment.reference) == 1500


def test_a_repeated_refund_says_how_it_stands_now(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(refund_fail=1)
    refund = giving_back(payment, 1000)
    assert gateway.refund(refund).state is base.RefundState.PENDING
    bank.faults()
    wait_for(lambda: gateway.refund(refund).state is base.RefundState.FAILED)


@shows("stripe", "refund-fails")
@pytest.mark.parametrize("knob", ["refund_fail", "refund_fail_late"])
def test_a_refund_can_fail_also_after_it_was_done(bank, gateway, knob):
    payment = paid(bank, gateway)
    bank.faults(**{knob: 1})
    refund = giving_back(payment, 1000)
    gateway.refund(refund)
    wait_for(lambda: gateway.query_refund(refund).state is base.RefundState.FAILED)
    assert bank.net(payment.reference) == 2500
    assert gateway.query(payment).captures[0].refunded_minor == 0


@shows("stripe", "refund-twice")
def test_more_than_is_left_is_refused(bank, gateway):
    payment = paid(bank, gateway)
    with pytest.raises(base.Refused):
        gateway.refund(giving_back(payment, 2501))
    gateway.refund(giving_back(payment, 2500))
    with pytest.raises(base.Refused, match="charge_already_refunded"):
        gateway.refund(giving_back(payment, 1))
    assert bank.net(payment.reference) == 0


def test_a_refund_without_the_transaction_finds_it(bank, gateway):
    request = wish("redirect")
    made = gateway.create(request)
    with pytest.raises(base.Unknown, match="nothing was captured"):
        gateway.refund(giving_back(named(request, made), 100))
    bank.pay(request.reference)
    assert gateway.refund(giving_back(named(request, made), 100)).amount_minor == 100


def test_an_unknown_refund_is_not_found(bank, gateway):
    refund = giving_back(paid(bank, gateway), 100)
    assert gateway.query_refund(refund).state is base.RefundState.NOT_FOUND


def test_a_refund_from_stripes_desk_is_shown_under_its_id(bank, gateway):
    payment = paid(bank, gateway)
    by_hand(bank, charge=payment.transaction_id, amount=700)
    snapshot = gateway.query(payment)
    (fact,) = snapshot.refunds
    assert (fact.amount_minor, len(fact.reference)) == (700, 24)
    assert snapshot.captures[0].refunded_minor == 700
    rows = gateway.statement(datetime.now(UTC).date())
    assert [(r.kind, r.reference) for r in rows if r.kind == "refund"] == [
        ("refund", payment.reference)
    ]
    assert rows[0].refund_reference == fact.reference


def test_many_refunds_come_in_pages(bank, gateway):
    payment = paid(bank, gateway)
    for _ in range(105):
        by_hand(bank, charge=payment.transaction_id, amount=1)
    assert gateway.query(payment).captures[0].refunded_minor == 105
    assert len(gateway.statement(datetime.now(UTC).date())) == 106


def test_the_statement_has_every_movement_of_the_day(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 400)
    gateway.refund(refund)
    back, charge = gateway.statement(datetime.now(UTC).date())
    assert (charge.kind, charge.reference, charge.amount_minor, charge.fee_minor) == (
        "charge", payment.reference, 2500, 62,
    )  # fmt: skip
    assert (back.kind, back.reference, back.refund_reference, back.amount_minor) == (
        "refund", payment.reference, refund.reference, 400,
    )  # fmt: skip
    assert charge.transaction_id == back.transaction_id == payment.transaction_id
    assert gateway.statement((datetime.now(UTC) - timedelta(days=2)).date()) == []


def test_a_refund_that_came_back_is_no_movement(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(refund_fail_late=1)
    refund = giving_back(payment, 400)
    gateway.refund(refund)
    wait_for(lambda: gateway.query_refund(refund).state is base.RefundState.FAILED)
    assert [row.kind for row in gateway.statement(datetime.now(UTC).date())] == ["charge"]


def test_another_shop_on_the_account_is_not_ours(bank, gateway):
    payment = paid(bank, gateway)
    other = gateway_of(bank, shop="another")
    assert other.statement(datetime.now(UTC).date()) == []
    with pytest.raises(base.Unknown, match="another shop"):
        other.query(payment)


@shows("stripe", "wrong-money")
def test_wrong_money_goes_through_untouched_because_the_caller_compares(bank, gateway):
    bank.faults(wrong_amount=1, wrong_currency=1)
    (capture,) = gateway.query(paid(bank, gateway)).captures
    assert (capture.amount_minor, capture.currency) == (25, "USD")


@pytest.mark.parametrize(
    ("currency", "minor", "stripe"),
    [("EUR", 2500, 2500), ("JPY", 2500, 2500), ("KWD", 2500, 2500), ("ISK", 2500, 250_000),
     ("UGX", 2500, 250_000), ("RSD", 2500, 250_000), ("MGA", 2500, 2500), ("HUF", 2500, 2500)],
)  # fmt: skip
def test_amounts_are_counted_as_stripe_counts_them(currency, minor, stripe):
    assert forms.to_stripe(minor, currency) == stripe
    assert forms.to_minor(stripe, currency) == minor


@pytest.mark.parametrize(("currency", "minor"), [("KWD", 2501), ("LYD", 2501), ("EUR", 0)])
def test_an_amount_that_stripe_cannot_say_is_refused_before_it_is_sent(currency, minor):
    with pytest.raises(base.Refused, match="representable"):
        forms.to_stripe(minor, currency)


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 1), ("ISK", 500), ("KWD", 12_340)])
def test_money_in_every_currency_arrives_as_it_was_asked_for(bank, gateway, currency, minor):
    request = wish("card", currency=currency, amount_minor=minor)
    made = gateway.create(request)
    bank.pay(request.reference)
    (capture,) = gateway.query(named(request, made)).captures
    assert (capture.amount_minor, capture.currency) == (minor, currency)
    assert bank.net(request.reference) == minor


def test_the_gateways_count_decimals_as_the_shop_does():
    for currency in list_currencies():
        assert decimals.minor_digits(currency) == minor_digits(currency), currency


def test_a_form_is_nested_as_stripe_reads_it():
    """By hand, from the example of its API reference."""
    form = forms.encoded({"a": 1, "b": {"c": "x y", "d": [{"e": "é"}, "&"]}})
    assert form == b"a=1&b%5Bc%5D=x+y&b%5Bd%5D%5B0%5D%5Be%5D=%C3%A9&b%5Bd%5D%5B1%5D=%26"
