"""The Razorpay adapter reads webhooks: genuine, fresh and well formed, or refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways import base
from payments.gateways.razorpay import RazorpayGateway
from tests.bank import Bank
from tests.gateways.listener import Listener
from tests.gateways.razorpay import (
    ACCOUNT,
    gateway_of,
    giving_back,
    opened,
    paid,
    tell_webhook,
)
from tests.gateways.rows import shows
from tests.simulator.ear import wait_for

NOW = datetime.now(UTC).replace(microsecond=0)
SECRETS = ("old-secret", "new-secret")
PAYMENT = {"id": "pay_ABCDEFGHIJKLMN", "order_id": "order_ABCDEFGHIJKLMN",
           "notes": {"reference": "REFERENCE1"}}  # fmt: skip

LINK = {"id": "plink_ABCDEFGHIJ", "reference_id": "LINK000001"}


def receiver(**changes: Any) -> RazorpayGateway:
    told: dict[str, Any] = {
        "base_url": "http://127.0.0.1:9", "merchant": ACCOUNT, "key_id": "id",
        "key_secret": "secret", "webhook_secrets": SECRETS, "clock": lambda: NOW,
    }  # fmt: skip
    return RazorpayGateway(**(told | changes))


def told(event: str = "payment.authorized", at: datetime = NOW, **payload: Any) -> bytes:
    entities = payload or {"payment": PAYMENT}
    return json.dumps({
        "entity": "event", "account_id": ACCOUNT, "event": event, "contains": list(entities),
        "payload": {name: {"entity": entity} for name, entity in entities.items()},
        "created_at": int(at.timestamp()),
    }).encode()  # fmt: skip


def delivered(body: bytes, secret: str = "new-secret", **changes: str) -> base.RawRequest:
    headers = {
        "content-type": "application/json",
        "x-razorpay-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        "x-razorpay-event-id": "evt_0123456789",
    }
    return base.RawRequest("POST", "/webhooks/razorpay/", "", headers | changes, body)


RECEIVER = receiver()


def refusal(request: base.RawRequest) -> int:
    with pytest.raises(base.NotificationRefused) as refused:
        receiver().parse_notification(request)
    return refused.value.status


def test_the_signature_is_the_one_that_openssl_makes():
    # printf '%s' '{"a":1}' | openssl dgst -sha256 -hmac new-secret
    body = b'{"a":1}'
    assert delivered(body).headers["x-razorpay-signature"] == (
        "fb31df14fa9b660a954226e53cb92e1230d5de9a9946a386b5ca88f048ab3709"
    )
    assert refusal(delivered(body)) == 400  # genuine, and no event


def test_a_genuine_notification_says_whom_it_is_about():
    (hint,) = receiver().parse_notification(delivered(told()))
    assert hint == base.NotificationHint(
        "evt_0123456789", "payment.authorized", "REFERENCE1", gateway_id="order_ABCDEFGHIJKLMN"
    )


@pytest.mark.parametrize(
    ("event", "payload", "kind", "reference", "refund"),
    [
        ("order.paid", {"order": {"id": "order_ABCDEFGHIJ", "receipt": "RECEIPT001"},
                        "payment": PAYMENT}, "payment.paid", "RECEIPT001", ""),
        ("payment_link.paid", {"payment_link": LINK, "payment": PAYMENT},
         "payment.paid", "LINK000001", ""),
        ("payment_link.expired", {"payment_link": LINK}, "payment_link.expired", "LINK000001", ""),
        ("refund.failed", {"refund": {"id": "rfnd_ABCDEFGHIJ", "receipt": "REFUND0001",
                                      "notes": {"payment_reference": "REFERENCE2"}}},
         "refund.failed", "REFERENCE2", "REFUND0001"),
        ("payment.dispute.created", {"payment": PAYMENT}, "payment.disputed", "REFERENCE1", ""),
        ("payment.captured", {"payment": PAYMENT | {"notes": []}}, "payment.paid", "", ""),
    ],
)  # fmt: skip
def test_each_event_names_its_payment_and_its_refund(event, payload, kind, reference, refund):
    (hint,) = receiver().parse_notification(delivered(told(event, **payload)))
    assert (hint.kind, hint.reference, hint.refund_reference) == (kind, reference, refund)


def test_an_event_about_something_else_of_the_account_is_acknowledged_and_about_nobody():
    settled = told("settlement.processed", settlement={"id": "setl_ABCDEFGHIJ"})
    assert receiver().parse_notification(delivered(settled)) == []


@shows("razorpay", "rotation")
@pytest.mark.parametrize("secret", SECRETS)
def test_while_a_secret_is_replaced_both_are_good(secret):
    assert receiver().parse_notification(delivered(told(), secret))


@shows("razorpay", "rotation", "notice-forged")
def test_a_replaced_secret_and_an_empty_one_are_bad():
    assert refusal(delivered(told(), "older-secret")) == 401
    assert refusal(delivered(told(), "")) == 401


@shows("razorpay", "notice-forged", "wrong-merchant")
def test_what_is_not_a_genuine_notification_is_refused():
    good = delivered(told())
    changed = base.RawRequest("POST", "/", "", good.headers, good.body.replace(b": ", b":"))
    assert refusal(changed) == 401
    assert refusal(delivered(told(), **{"x-razorpay-signature": ""})) == 401
    assert refusal(delivered(told(), **{"x-razorpay-signature": "é" * 64})) == 401
    assert refusal(delivered(told(), **{"x-razorpay-event-id": ""})) == 400
    assert refusal(delivered(told().replace(ACCOUNT.encode(), b"acc_Somebody"))) == 401
    assert refusal(delivered(told("not an event"))) == 400
    assert refusal(delivered(told(payment=[1]))) == 400
    assert refusal(delivered(b"[]")) == 400
    assert refusal(delivered(b"x" * 70_000)) == 400


@shows("razorpay", "notice-stale", "clock-skew")
@pytest.mark.parametrize("age", [timedelta(days=8, seconds=1), -timedelta(minutes=6)])
def test_a_notification_that_is_too_old_or_of_the_future_is_refused(age):
    assert refusal(delivered(told(at=NOW - age))) == 400


@shows("razorpay", "clock-skew")
@pytest.mark.parametrize("age", [timedelta(days=7), -timedelta(minutes=4)])
def test_a_replay_within_a_week_and_a_clock_some_minutes_off_are_good(age):
    assert receiver().parse_notification(delivered(told(at=NOW - age)))


@given(st.binary(max_size=300), st.none() | st.integers() | st.text() | st.lists(st.text()))
def test_noise_is_refused_without_an_exception(noise, value):
    gateway = RECEIVER
    event = json.loads(told()) | {"payload": value}
    for body in (noise, json.dumps(event).encode(), json.dumps({"payload": value}).encode()):
        with pytest.raises(base.NotificationRefused):
            gateway.parse_notification(delivered(body))


@shows("razorpay", "notice-twice", "notice-order", "notice-forged")
def test_notifications_come_until_they_are_acknowledged_and_only_the_genuine_are_heard(bank: Bank):
    gateway = gateway_of(bank)
    with Listener() as listener:
        listener.answers = [500, 200, 302, 200]
        tell_webhook(bank, listener.url)
        bank.faults(duplicate_notification=1, reorder_notification=1, at_most=1)
        payment = paid(bank, gateway)
        gateway.refund(giving_back(payment, 100))
        wait_for(lambda: len(listener.heard) >= 5)
        hints = [gateway.parse_notification(raw(*heard))[0] for heard in listener.heard]
        assert {hint.reference for hint in hints} == {payment.reference}
        by_kind = {hint.kind: hint.notification_id for hint in hints}
        assert {"payment.paid", "refund.processed"} <= set(by_kind)
        assert len({hint.notification_id for hint in hints}) == len(by_kind)
        assert gateway.query(payment).state is base.State.CAPTURED
        bank.faults(bad_notification_signature=1)
        count = len(listener.heard)
        bank.pay(opened(gateway, "link").reference)
        wait_for(lambda: len(listener.heard) > count)
        with pytest.raises(base.NotificationRefused):
            gateway.parse_notification(raw(*listener.heard[-1]))
    tell_webhook(bank, "http://127.0.0.1:9/")


def raw(headers: dict[str, str], body: bytes) -> base.RawRequest:
    return base.RawRequest("POST", "/webhooks/razorpay/", "", headers, body)


def test_a_cancelled_link_is_told(bank: Bank):
    gateway = gateway_of(bank)
    with Listener() as listener:
        tell_webhook(bank, listener.url)
        payment = opened(gateway, "link")
        gateway.close(payment)
        wait_for(lambda: bool(listener.heard))
        (hint,) = gateway.parse_notification(raw(*listener.heard[0]))
        assert (hint.kind, hint.reference) == ("payment_link.cancelled", payment.reference)
    tell_webhook(bank, "http://127.0.0.1:9/")
