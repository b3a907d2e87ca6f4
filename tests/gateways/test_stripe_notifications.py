"""Stripe's webhooks: verified before they are read, and never more than a hint."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.gateways import base
from payments.gateways.stripe import StripeGateway
from tests.bank import Bank
from tests.gateways.listening import Listener
from tests.gateways.rows import shows
from tests.gateways.stripe_shop import gateway_of, giving_back, named, secrets_of, wish
from tests.simulator.ear import wait_for

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECRETS = ("whsec_old", "whsec_new")
REFERENCE = "01JDPAYMENT000000000000001"
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "metadata": {"reference": REFERENCE, "shop": "payonce"},
}


@pytest.fixture
def ear(bank: Bank) -> Iterator[Listener]:
    """The account's webhook endpoint, as its dashboard would have it."""
    listener = Listener(StripeGateway.acknowledgement, "/webhooks/stripe/")
    headers = {"Authorization": f"Bearer {secrets_of(bank)['secret_key']}"}
    form = {"url": listener.url, "enabled_events[]": "*"}
    answer = bank.client.post("/stripe/v1/webhook_endpoints", data=form, headers=headers)
    assert answer.json()["secret"] == secrets_of(bank)["webhook_secret"]
    yield listener
    bank.client.post("/stripe/v1/webhook_endpoints", data={"url": ""}, headers=headers)
    listener.close()


def receiver(**changes: Any) -> StripeGateway:
    keys: dict[str, Any] = {
        "secret_key": "sk_test_abcdefgh12345678",
        "public_key": "pk_test_abcdefgh12345678",
    }
    told = keys | {"webhook_secrets": SECRETS, "clock": lambda: NOW}
    return StripeGateway(**(told | changes))


def event(about: dict[str, Any] = INTENT, **changes: Any) -> bytes:
    told = {"id": "evt_1", "object": "event", "livemode": False,
            "type": "payment_intent.succeeded", "data": {"object": about}}  # fmt: skip
    return json.dumps(told | changes).encode()


def v1(body: bytes, secret: str, at: datetime = NOW) -> str:
    signed = f"{int(at.timestamp())}.".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def delivered(body: bytes, header: str = "", at: datetime = NOW) -> base.RawRequest:
    header = header or f"t={int(at.timestamp())},v1={v1(body, 'whsec_new', at)}"
    headers = {"stripe-signature": header}
    return base.RawRequest("POST", "/webhooks/stripe/", "", headers, body)


def refusal(request: base.RawRequest, **changes: Any) -> int:
    with pytest.raises(base.NotificationRefused) as refused:
        receiver(**changes).parse_notification(request)
    return refused.value.status


def test_a_signature_is_what_the_documentation_says():
    """Computed beside the adapter: openssl dgst -sha256 -hmac whsec_new over `1764072000.{}`."""
    digest = "48eb833d1cbd21bd51267dbb769872515e322b1462ef592b6007f8fab76318d3"
    assert v1(b"{}", "whsec_new", datetime.fromtimestamp(1764072000, UTC)) == digest


def test_a_genuine_event_says_whom_it_is_about():
    (hint,) = receiver().parse_notification(delivered(event()))
    assert hint == base.NotificationHint(
        "evt_1", "payment_intent.succeeded", REFERENCE, gateway_id="pi_1"
    )


def test_a_session_a_refund_and_a_dispute_name_what_they_know():
    words = {"shop": "payonce", "reference": REFERENCE}
    session = {"id": "cs_test_" + "a" * 58, "object": "checkout.session", "metadata": words}
    refund = {"id": "re_1", "object": "refund", "payment_intent": "pi_1",
              "metadata": {"shop": "payonce", "payment_reference": REFERENCE,
                           "reference": "01JDREFUND0000000000000001"}}  # fmt: skip
    dispute = {"id": "du_1", "object": "dispute", "payment_intent": "pi_1", "metadata": {}}
    shown = [
        receiver().parse_notification(delivered(event(about, type=kind)))[0]
        for about, kind in (
            (session, "checkout.session.completed"),
            (refund, "refund.updated"),
            (dispute, "charge.dispute.created"),
        )
    ]
    assert [(h.reference, h.refund_reference, h.gateway_id) for h in shown] == [
        (REFERENCE, "", "cs_" + "a" * 58),
        (REFERENCE, "01JDREFUND0000000000000001", ""),
        ("", "", ""),
    ]
    assert shown[2].kind == "payment.disputed"


def test_events_of_other_programs_on_the_account_are_nobodys():
    for words in ({}, None, {"reference": REFERENCE}, {"reference": REFERENCE, "shop": "other"}):
        assert receiver().parse_notification(delivered(event(INTENT | {"metadata": words}))) == []


@shows("stripe", "rotation")
def test_while_a_secret_is_rolled_old_and_new_are_believed():
    body = event()
    moment = int(NOW.timestamp())
    for secret in SECRETS:
        both = f"t={moment},v1={v1(body, 'whsec_unknown')},v1={v1(body, secret)},v0={'0' * 64}"
        assert receiver().parse_notification(delivered(body, both))
    alone = delivered(body, f"t={moment},v1={v1(body, 'whsec_old')}")
    assert refusal(alone, webhook_secrets=("whsec_new",)) == 401


@shows("stripe", "notice-forged")
@pytest.mark.parametrize(
    "header",
    ["t=1", "v1=" + "0" * 64, "t=1,v1=" + "0" * 64, "t=1,t=1,v1=" + "0" * 64, ",", "t=,v1=",
     "t=1,v1=" + "é" * 64, "t=٣,v1=" + "0" * 64, "t=" + "9" * 5000 + ",v1=" + "0" * 64,
     "t=1," + ",".join(["v1=" + "0" * 64] * 17), "t=1,v0=" + "0" * 64],
)  # fmt: skip
def test_a_missing_or_forged_signature_is_refused(header):
    assert refusal(delivered(event(), header)) == 401


@shows("stripe", "notice-forged")
def test_an_altered_or_foreign_event_is_refused():
    good = delivered(event())
    changed = base.RawRequest("POST", "/", "", good.headers, good.body.replace(b"pi_1", b"pi_2"))
    v0 = delivered(event(), f"t={int(NOW.timestamp())},v0={v1(event(), 'whsec_new')}")
    none = base.RawRequest("POST", "/", "", {}, good.body)
    live = delivered(event(livemode=True))
    assert [refusal(r) for r in (changed, v0, none, live)] == [401] * 4


@shows("stripe", "notice-stale", "clock-skew")
@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_an_event_from_another_time_is_refused(seconds):
    """Also from the future, which Stripe's own library accepts."""
    assert refusal(delivered(event(), at=NOW + timedelta(seconds=seconds))) == 400


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_clock_may_be_five_minutes_away(seconds):
    assert receiver().parse_notification(delivered(event(), at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"[" * 60_000, b'{"a": NaN}', b"\xff\xfe", b" " * 300_000,
     event(id=None), event(id="evt_\x00"), event(type="a" * 90 + ".b"), event(data=[]),
     event(data={"object": "pi_1"}), event({**INTENT, "id": None}), event({}),
     event({**INTENT, "metadata": "shop"}), event(object="v2.core.event"),
     event({**INTENT, "metadata": {"shop": "payonce", "reference": ["x"]}})],
)  # fmt: skip
def test_a_genuine_but_malformed_event_is_refused(body):
    assert refusal(delivered(body)) in (400, 401)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3), st.binary(max_size=80)
)
def test_noise_is_refused_without_an_exception(headers, body):
    request = base.RawRequest("POST", "/", "", headers, body)
    assert refusal(request) in (400, 401)
    assert refusal(delivered(body)) in (400, 401)


@shows("stripe", "notice-twice")
def test_stripes_own_events_are_understood_and_repeated_until_acknowledged(bank, ear):
    bank.faults(duplicate_notification=1)
    gateway = gateway_of(bank)
    request = wish("card")
    made = gateway.create(request)
    ear.answers = [500, 404]
    bank.pay(request.reference)
    heard = ear.hears(4)
    hints = [gateway.parse_notification(one)[0] for one in heard]
    assert {(h.notification_id, h.reference, h.gateway_id) for h in hints} == {
        (hints[0].notification_id, request.reference, made.gateway_id)
    }
    wait_for(lambda: not any(note["waiting"] for note in bank.notifications()))
    assert len(ear.heard) == 4


@shows("stripe", "notice-order")
def test_events_in_the_wrong_order_leave_the_truth_to_the_query(bank, ear):
    gateway = gateway_of(bank)
    request = wish("redirect")
    made = gateway.create(request)
    bank.pay(request.reference)
    capture = gateway.query(named(request, made)).captures[0]
    gateway.refund(giving_back(named(request, made, capture.transaction_id), 100))
    last_first = sorted(ear.hears(2), key=lambda one: b"checkout.session.completed" in one.body)
    kinds = [gateway.parse_notification(one)[0].kind for one in last_first]
    assert kinds == ["refund.updated", "checkout.session.completed"]
    assert gateway.query(named(request, made)).captures[0].refunded_minor == 100


@shows("stripe", "notice-forged", "clock-skew")
def test_forged_and_skewed_deliveries_are_refused(bank, ear):
    gateway = gateway_of(bank)
    for knob, status in (({"bad_notification_signature": 1}, 401), ({"clock_skew": 900}, 400)):
        bank.faults(**knob)
        request = wish("card")
        gateway.create(request)
        bank.pay(request.reference)
        heard = ear.hears(1)[0]
        ear.heard.clear()
        with pytest.raises(base.NotificationRefused) as refused:
            gateway.parse_notification(heard)
        assert refused.value.status == status


@pytest.mark.parametrize(
    ("method", "act", "kind"),
    [("card", "decline", "payment_intent.payment_failed"),
     ("card", "close", "payment_intent.canceled"),
     ("redirect", "close", "checkout.session.expired"),
     ("boleto", "pay", "payment_intent.succeeded")],
)  # fmt: skip
def test_what_happens_is_announced(bank, ear, method, act, kind):
    gateway = gateway_of(bank)
    request = wish(method)
    made = gateway.create(request)
    if act == "close":
        gateway.close(named(request, made))
    else:
        bank.client.post(f"/payments/{request.reference}/{act}")
    (hint,) = gateway.parse_notification(ear.hears(1)[0])
    assert (hint.kind, hint.reference) == (kind, request.reference)
