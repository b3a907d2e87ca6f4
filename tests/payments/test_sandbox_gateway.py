"""The sandbox adapter against the real bank over real HTTP: what its answers become."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
from payments.gateways.sandbox import SandboxGateway
from tests.bank import Bank
from tests.payments.sandbox import gateway_of, giving_back, named, paid, wish
from tests.simulator.ear import wait_for


@pytest.fixture
def gateway(bank: Bank) -> SandboxGateway:
    return gateway_of(bank)


@pytest.mark.parametrize(
    ("method", "kind", "fields"),
    [
        ("qr", "qr", {"text", "expires_at"}),
        ("redirect", "redirect", {"url"}),
        ("card", "embedded", {"provider", "public_key", "client_token"}),
    ],
)
def test_each_method_is_presented_in_its_own_way(gateway, method, kind, fields):
    request = wish(method)
    snapshot = gateway.create(request)
    assert snapshot.state is base.State.PENDING
    assert snapshot.expires_at == request.expires_at
    assert snapshot.presentation is not None
    assert (snapshot.presentation.kind, set(snapshot.presentation.content)) == (kind, fields)
    assert snapshot.presentation.secret_fields == (("client_token",) if method == "card" else ())


def test_the_same_create_again_finds_the_same_payment(bank, gateway):
    request = wish()
    assert gateway.create(request) == gateway.create(request)
    assert len(bank.payments()) == 1


def test_a_captured_payment_shows_its_money(bank, gateway):
    payment = paid(bank, gateway)
    snapshot = gateway.query(payment)
    assert snapshot.state is base.State.CAPTURED
    assert snapshot.merchant == bank.merchant
    (capture,) = snapshot.captures
    assert (capture.amount_minor, capture.currency, capture.refunded_minor) == (2500, "EUR", 0)
    assert abs(capture.captured_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_wrong_money_goes_through_untouched_because_the_caller_compares(bank, gateway):
    bank.faults(wrong_amount=1, wrong_currency=1)
    (capture,) = gateway.query(paid(bank, gateway)).captures
    assert (capture.amount_minor, capture.currency) == (25, "USD")


def test_several_captures_under_one_reference_are_all_shown(bank, gateway):
    request = wish()
    bank.faults(ignore_key=1)
    gateway.create(request)
    gateway.create(request)
    bank.pay(request.reference)
    bank.pay(request.reference)
    snapshot = gateway.query(named(request))
    assert len({capture.transaction_id for capture in snapshot.captures}) == 2


def test_an_unknown_reference_is_not_found(gateway):
    assert gateway.query(named(wish())).state is base.State.NOT_FOUND
    assert gateway.close(named(wish())).answer is base.CloseAnswer.NOT_FOUND
    refund = giving_back(named(wish()), 1)
    assert gateway.query_refund(refund).state is base.RefundState.NOT_FOUND


def test_a_repeatable_decline_is_pending_with_a_note_and_a_final_one_is_declined(bank, gateway):
    card, qr = wish("card"), wish("qr")
    for request in (card, qr):
        gateway.create(request)
        bank.decline(request.reference)
    shown = gateway.query(named(card))
    assert (shown.state, shown.note) == (base.State.PENDING, "declined")
    assert gateway.query(named(qr)).state is base.State.DECLINED


def test_a_create_that_is_declined_at_once_says_so(bank, gateway):
    bank.faults(decline_create=1)
    assert gateway.create(wish("card")).state is base.State.DECLINED


def test_closing_answers_what_became_of_the_wish(bank, gateway):
    qr, redirect = wish("qr"), wish("redirect")
    gateway.create(qr)
    gateway.create(redirect)
    closed, blocked = gateway.close(named(qr)), gateway.close(named(redirect))
    assert closed.answer is base.CloseAnswer.CLOSED
    assert closed.snapshot is not None
    assert closed.snapshot.state is base.State.CLOSED
    assert blocked.answer is base.CloseAnswer.NOT_CLOSABLE
    assert blocked.dead_after == redirect.expires_at
    late = gateway.close(paid(bank, gateway))
    assert late.answer is base.CloseAnswer.ALREADY_PAID
    assert late.snapshot is not None
    assert late.snapshot.captures[0].amount_minor == 2500


def test_a_create_on_a_reference_that_was_closed_before_is_closed(gateway):
    request = wish("qr")
    gateway.close(named(request))
    snapshot = gateway.create(request)
    assert (snapshot.state, snapshot.presentation) == (base.State.CLOSED, None)


def test_a_refund_is_sent_once_however_often_it_is_repeated(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 1000)
    snapshots = [gateway.refund(refund) for _ in range(3)] + [gateway.query_refund(refund)]
    assert {(s.state, s.amount_minor, s.currency) for s in snapshots} == {
        (base.RefundState.DONE, 1000, "EUR")
    }
    assert bank.net(payment.reference) == 1500
    (fact,) = gateway.query(payment).refunds
    assert (fact.reference, fact.state) == (refund.reference, base.RefundState.DONE)
    assert gateway.query(payment).captures[0].refunded_minor == 1000


def test_more_than_was_captured_is_refused(bank, gateway):
    payment = paid(bank, gateway)
    with pytest.raises(base.Refused, match="over_refund"):
        gateway.refund(giving_back(payment, 2501))
    assert bank.net(payment.reference) == 2500


def test_a_refund_can_be_pending_and_fail(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(refund_fail=1)
    refund = giving_back(payment, 1000)
    assert gateway.refund(refund).state is base.RefundState.PENDING
    wait_for(lambda: gateway.query_refund(refund).state is base.RefundState.FAILED)
    assert bank.net(payment.reference) == 2500


def test_the_statement_has_every_movement_of_the_day(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 400)
    gateway.refund(refund)
    charge, back = gateway.statement(datetime.now(UTC).date())
    assert (charge.kind, charge.reference, charge.amount_minor, charge.fee_minor) == (
        "charge", payment.reference, 2500, 62,
    )  # fmt: skip
    assert (back.kind, back.reference, back.refund_reference) == (
        "refund", payment.reference, refund.reference,
    )  # fmt: skip
    assert charge.transaction_id == back.transaction_id == payment.transaction_id


def test_a_long_statement_comes_in_pages(bank, gateway):
    payment = paid(bank, gateway)
    for _ in range(260):
        gateway.refund(giving_back(payment, 1))
    rows = gateway.statement(datetime.now(UTC).date())
    assert len(rows) == 261
    assert len({row.refund_reference for row in rows}) == 261


def test_methods_say_how_long_they_live_and_who_may_be_framed(bank, gateway):
    qr, redirect, card = gateway.methods()
    assert [m.method for m in (qr, redirect, card)] == ["qr", "redirect", "card"]
    assert qr.lifetime == timedelta(minutes=15)
    assert card.lifetime == timedelta(minutes=30)
    assert all(m.not_found_final_after > m.lifetime for m in (qr, redirect, card))
    assert (qr.frame_origins, card.frame_origins) == ((), (bank.url,))
    short = gateway_of(bank, lifetime_seconds={"qr": 3}, request_delay_seconds=1).methods()[0]
    assert short.lifetime == timedelta(seconds=3)
    assert short.not_found_final_after == timedelta(seconds=4)


def test_a_gateway_without_secrets_is_never_built(bank):
    for missing in ({"webhook_secrets": ()}, {"webhook_secrets": ("",)}, {"signing_secret": ""}):
        with pytest.raises(ValueError, match="secrets"):
            gateway_of(bank, **missing)
