"""The Stripe adapter against the simulated Stripe over HTTP; money is counted in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
from payments.gateways.stripe import StripeGateway
from tests.bank import Bank
from tests.gateways.rows import excludes, shows
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

excludes("stripe", capture_lost="nothing waits for a capture: cards and vouchers take at once")
METHODS = ["card", "redirect", "boleto"]


@pytest.fixture
def gateway(bank: Bank) -> StripeGateway:
    return gateway_of(bank)


@pytest.mark.parametrize(
    ("method", "kind", "fields", "secret"),
    [
        ("card", "embedded", {"provider", "public_key", "client_token"}, ("client_token",)),
        ("redirect", "redirect", {"url"}, ()),
        ("boleto", "voucher", {"url", "number", "expires_at"}, ()),
    ],
)
def test_each_method_is_presented_in_its_own_way(gateway, method, kind, fields, secret):
    request = wish(method)
    made = gateway.create(request)
    assert (made.state, made.reference, made.method) == (
        base.State.PENDING, request.reference, method,
    )  # fmt: skip
    assert made.order_reference == request.order_reference
    assert made.presentation is not None
    assert (made.presentation.kind, set(made.presentation.content)) == (kind, fields)
    assert made.presentation.secret_fields == secret
    assert len(made.gateway_id) <= 64


@pytest.mark.parametrize("method", ["card", "redirect"])
def test_the_shoppers_page_is_where_the_presentation_leads(bank, gateway, method):
    shown = gateway.create(wish(method)).presentation.content
    frame = gateway.methods()[0].frame_url
    url = shown.get("url") or frame.replace("{client_token}", shown["client_token"])
    answer = bank.client.get(url, follow_redirects=True)
    assert answer.status_code == 200
    assert "EUR 25.00" in answer.text


def test_a_boleto_can_be_paid_on_its_page(bank, gateway):
    request = wish("boleto")
    shown = gateway.create(request).presentation.content
    assert shown["number"] in bank.client.get(shown["url"]).text
    bank.client.post(shown["url"], data={"act": "pay"})
    assert bank.net(request.reference) == 2500


@pytest.mark.parametrize("method", METHODS)
@shows("stripe", "create-lost")
def test_a_create_whose_answer_was_lost_is_found_by_the_same_request(bank, gateway, method):
    request = wish(method)
    bank.faults(lose_answer=1)
    with pytest.raises(base.Unknown):
        gateway.create(request)
    bank.faults()
    # Nobody knows Stripe's id yet: the question itself repeats the request.
    asked, again = gateway.query(named(request)), gateway.create(request)
    assert asked == again
    assert len(bank.payments()) == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_repeated_create_says_how_it_stands_now(bank, gateway, method):
    """What Stripe repeats is its first answer, which knows nothing of the money since."""
    request = wish(method)
    gateway.create(request)
    bank.pay(request.reference)
    assert gateway.create(request).state is base.State.CAPTURED
    assert bank.net(request.reference) == 2500


@pytest.mark.parametrize("method", METHODS)
def test_a_captured_payment_shows_its_money(bank, gateway, method):
    payment = paid(bank, gateway, method)
    snapshot = gateway.query(payment)
    assert snapshot.state is base.State.CAPTURED
    (capture,) = snapshot.captures
    currency = "BRL" if method == "boleto" else "EUR"
    assert (capture.amount_minor, capture.currency) == (2500, currency)
    assert capture.transaction_id == bank.ledger(payment.reference)[0]["transaction_id"]
    assert abs(capture.captured_at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("method", METHODS)
def test_a_failed_attempt_leaves_the_same_payment_open(bank, gateway, method):
    request = wish(method)
    made = gateway.create(request)
    bank.decline(request.reference)
    shown = gateway.query(named(request, made))
    assert (shown.state, shown.note) == (base.State.PENDING, "declined")
    bank.pay(request.reference)
    assert gateway.query(named(request, made)).state is base.State.CAPTURED


def test_what_is_opened_dead_is_closed(bank, gateway):
    bank.faults(decline_create=1)
    assert gateway.create(wish("card")).state is base.State.CLOSED


def test_after_a_day_the_key_is_not_used_again(bank, gateway):
    """Stripe has forgotten it: the same create would open a second payment."""
    with long_ago(bank, hours=25) as then:
        request = wish("card", created_at=then)
        gateway_of(bank, clock=lambda: then).create(request)
    assert gateway.query(named(request)).state is base.State.PENDING
    assert gateway.create(request).reference == request.reference
    assert len(bank.payments()) == 1


def test_after_a_day_an_unknown_reference_is_not_found_and_not_made(bank, gateway):
    request = wish("card", created_at=datetime.now(UTC) - timedelta(hours=25))
    assert gateway.query(named(request)).state is base.State.NOT_FOUND
    with pytest.raises(base.Unknown, match="too old"):
        gateway.create(request)
    assert bank.payments() == []


@pytest.mark.parametrize("method", METHODS)
def test_money_is_found_by_our_reference_alone(bank, gateway, method):
    """After lost commits nothing else is known of it."""
    payment = paid(bank, gateway, method)
    lost = base.PaymentRef(payment.reference, "", payment.created_at)
    snapshot = gateway.query(lost)
    assert (snapshot.state, snapshot.method) == (base.State.CAPTURED, method)
    assert snapshot.order_reference == "PO-1042"


def test_two_payments_under_one_reference_are_both_shown(bank, gateway):
    request = wish("card")
    bank.faults(ignore_key=1)
    gateway.create(request)
    gateway.create(request)
    bank.pay(request.reference)
    bank.pay(request.reference)
    snapshot = gateway.query(base.PaymentRef(request.reference, "", request.created_at))
    assert len({capture.transaction_id for capture in snapshot.captures}) == 2


@pytest.mark.parametrize("method", METHODS)
@shows("stripe", "close-lost", "pay-after-close")
def test_a_close_whose_answer_was_lost_ends_the_payment_all_the_same(bank, gateway, method):
    request = wish(method)
    made = gateway.create(request)
    bank.faults(lose_answer=1, only=["close"])
    with pytest.raises(base.Unknown):
        gateway.close(named(request, made))
    bank.faults()
    assert gateway.close(named(request, made)).answer is base.CloseAnswer.CLOSED
    assert bank.pay(request.reference).status_code == 409
    assert gateway.query(named(request, made)).state is base.State.CLOSED
    assert bank.net(request.reference) == 0


@pytest.mark.parametrize("method", METHODS)
@shows("stripe", "pay-while-closing")
def test_paid_before_our_close_is_said(bank, gateway, method):
    request = wish(method)
    made = gateway.create(request)
    bank.pay(request.reference)
    late = gateway.close(named(request, made))
    assert late.answer is base.CloseAnswer.ALREADY_PAID
    assert late.snapshot.captures[0].amount_minor == 2500


@shows("stripe", "pay-while-closing")
def test_money_on_its_way_cannot_be_stopped(bank, gateway):
    request = wish("redirect")
    made = gateway.create(request)
    bank.faults(late_capture=2)  # times the test's factor of 0.05
    bank.pay(request.reference)
    blocked = gateway.close(named(request, made))
    assert blocked.answer is base.CloseAnswer.NOT_CLOSABLE
    assert blocked.dead_after > datetime.now(UTC) + timedelta(hours=12)
    wait_for(lambda: gateway.query(named(request, made)).state is base.State.CAPTURED)


def test_a_close_that_is_refused_without_a_reason_is_unknown(bank, gateway):
    request = wish("card")
    made = gateway.create(request)
    bank.faults(refuse_close=1)
    with pytest.raises(base.Unknown, match="unexpected_state"):
        gateway.close(named(request, made))


def test_a_close_before_its_create_arrived_makes_it_and_ends_it(bank, gateway):
    request = wish("redirect")
    assert gateway.close(named(request)).answer is base.CloseAnswer.CLOSED
    assert gateway.create(request).state is base.State.CLOSED
    assert [row["state"] for row in bank.payments()] == ["closed"]


def test_a_hosted_page_is_ended_by_expiring_its_session(bank, gateway):
    """Its PaymentIntent cannot be canceled by itself."""
    request = wish("redirect")
    made = gateway.create(request)
    url = made.presentation.content["url"]
    assert gateway.close(named(request, made)).answer is base.CloseAnswer.CLOSED
    assert "closed or has run out" in bank.client.get(url).text


@shows("stripe", "pay-after-expiry")
def test_a_hosted_page_cannot_be_paid_after_its_time(bank, gateway):
    with long_ago(bank, hours=1) as then:
        request = wish("redirect", created_at=then)
        made = gateway_of(bank, clock=lambda: then).create(request)
    assert bank.pay(request.reference).status_code == 409
    assert gateway.query(named(request, made)).state is base.State.CLOSED
    assert bank.net(request.reference) == 0


@shows("stripe", "pay-after-expiry")
def test_a_boleto_that_ran_out_cannot_be_paid_and_can_be_closed(bank, gateway):
    with long_ago(bank, days=6) as then:
        request = wish("boleto", created_at=then)
        made = gateway_of(bank, clock=lambda: then).create(request)
    assert bank.pay(request.reference).status_code == 409
    shown = gateway.query(named(request, made))
    assert (shown.state, shown.presentation) == (base.State.PENDING, None)
    assert gateway.close(named(request, made)).answer is base.CloseAnswer.CLOSED


def test_a_hosted_page_that_would_end_too_soon_is_refused_and_not_found(gateway):
    request = wish("redirect", expires_at=datetime.now(UTC) + timedelta(minutes=20))
    with pytest.raises(base.Refused):
        gateway.create(request)
    assert gateway.query(named(request)).state is base.State.NOT_FOUND
    assert gateway.close(named(request)).answer is base.CloseAnswer.NOT_FOUND


def test_a_boleto_has_its_rules(bank, gateway):
    boleto = gateway.methods()[2]
    assert (boleto.currencies, boleto.refundable, boleto.needs) == (
        frozenset({"BRL"}), False, ("tax_id", "name"),
    )  # fmt: skip
    assert (boleto.amount_minor_min, boleto.amount_minor_max) == (500, 4_999_999)
    assert boleto.late_window >= timedelta(days=4)
    for changes in (
        {"amount_minor": 499},
        {"amount_minor": 5_000_000},
        {"currency": "EUR"},
        {"payer": {"tax_id": "nonsense", "name": "Ada"}},
        {"payer": {"tax_id": "00000000000"}},
    ):
        with pytest.raises(base.Refused):
            gateway.create(wish("boleto", **changes))
    assert bank.payments() == []


def test_a_boleto_lives_no_longer_than_the_shop_wants(gateway):
    request = wish("boleto")
    made = gateway.create(request)
    assert request.expires_at - timedelta(days=1, hours=1) < made.expires_at <= request.expires_at


def test_a_boleto_is_never_sent_back(bank, gateway):
    payment = paid(bank, gateway, "boleto")
    with pytest.raises(base.Refused, match="boleto"):
        gateway.refund(giving_back(payment, 100, currency="BRL"))
    assert bank.net(payment.reference) == 2500


def test_methods_live_as_long_as_they_say(bank):
    card, redirect, boleto = gateway_of(bank).methods()
    assert redirect.lifetime > timedelta(minutes=30)
    assert boleto.lifetime == timedelta(days=4)
    assert all(m.not_found_final_after > m.lifetime for m in (card, redirect))
    assert (card.frame_origins, redirect.frame_origins) == ((bank.url,), ())
    assert not any(m.merchant_captures for m in (card, redirect, boleto))


def test_nothing_waits_for_a_capture(gateway):
    with pytest.raises(base.Refused):
        gateway.capture(named(wish()), "CAPTURE-KEY-0001")


def test_a_gateway_without_keys_of_one_mode_is_never_built(bank):
    public = secrets_of(bank)["public_key"]
    for wrong in (
        {"secret_key": ""},
        {"secret_key": "sk_live_abcdefgh12345678"},
        {"public_key": public.replace("test", "live")},
        {"webhook_secrets": ()},
        {"webhook_secrets": ("",)},
        {"shop": ""},
        {"redirect_minutes": 30},
    ):
        with pytest.raises(ValueError, match=r"stripe|page"):
            gateway_of(bank, **wrong)
