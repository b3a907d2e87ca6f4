"""The sandbox adapter reads webhooks: genuine, fresh and well formed, or refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.gateways import base
from payments.gateways.sandbox import SandboxGateway
from tests.bank import Bank
from tests.payments.sandbox import gateway_of, wish
from tests.simulator.ear import Ear

NOW = datetime.now(UTC).replace(microsecond=0)


EVENT = {
    "id": "evt_0123456789",
    "type": "payment.paid",
    "created_at": NOW.isoformat(),
    "merchant": Bank.merchant,
    "reference": "REFERENCE1",
    "payment_reference": "REFERENCE1",
    "data": {},
}
SECRETS = ("old-secret", "new-secret")


def receiver() -> SandboxGateway:
    bank = Bank(port=9)
    return gateway_of(bank, webhook_secrets=SECRETS, clock=lambda: NOW)


def delivered(
    body: bytes, secret: str = "new-secret", *, at: datetime = NOW, header: str | None = None
) -> base.RawRequest:
    moment = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    signature = f"t={moment},v1={digest}" if header is None else header
    headers = {"sandbox-signature": signature} if signature else {}
    return base.RawRequest("POST", "/webhooks/sandbox/", "", headers, body)


def told(**changes: Any) -> bytes:
    return json.dumps(EVENT | changes).encode()


def refusal(request: base.RawRequest) -> int:
    with pytest.raises(base.NotificationRefused) as refused:
        receiver().parse_notification(request)
    return refused.value.status


def test_a_genuine_notification_says_whom_it_is_about():
    (hint,) = receiver().parse_notification(delivered(told()))
    assert hint == base.NotificationHint("evt_0123456789", "payment.paid", "REFERENCE1")


def test_a_notification_of_a_refund_names_both_references():
    body = told(type="refund.failed", reference="REFUND0001")
    (hint,) = receiver().parse_notification(delivered(body))
    assert (hint.reference, hint.refund_reference) == ("REFERENCE1", "REFUND0001")


@pytest.mark.parametrize("secret", SECRETS)
def test_while_a_secret_is_replaced_both_are_good(secret):
    assert receiver().parse_notification(delivered(told(), secret))


def test_a_replaced_secret_is_bad_afterwards():
    assert refusal(delivered(told(), "older-secret")) == 401


def test_a_changed_byte_is_refused():
    good = delivered(told())
    changed = base.RawRequest("POST", "/", "", good.headers, good.body.replace(b"paid", b"pAid"))
    recoded = base.RawRequest("POST", "/", "", good.headers, good.body.replace(b": ", b":"))
    assert (refusal(changed), refusal(recoded)) == (401, 401)


@pytest.mark.parametrize(
    "header",
    ["", "t=,v1=", "v1=" + "0" * 64, "t=1,v1=" + "0" * 64, "t=1,v0=" + "0" * 64,
     "t=1,v1=" + "0" * 64 + ",v1=" + "0" * 64, "t=1,v1=" + "é" * 64, "t=٣,v1=" + "0" * 64,
     "t=" + "9" * 5000 + ",v1=" + "0" * 64, "t=1,v1=" + "0" * 64 + "\n"],
)  # fmt: skip
def test_a_missing_or_forged_signature_is_refused(header):
    assert refusal(delivered(told(), header=header)) == 401


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400])
def test_a_stale_or_future_notification_is_refused(seconds):
    assert refusal(delivered(told(), at=NOW + timedelta(seconds=seconds))) == 400


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_clock_may_be_five_minutes_away(seconds):
    at = NOW + timedelta(seconds=seconds)
    assert receiver().parse_notification(delivered(told(), at=at))


def test_an_event_of_another_merchant_is_refused():
    assert refusal(delivered(told(merchant="somebody-else"))) == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b'{"merchant": NaN}',
        b"9" * 5000,
        b"\xff\xfe{\x00}\x00",
        b"\x00",
        b"\xd6\xd0",
        b" " * 70_000,
        told(reference="A\x00B", payment_reference="A\x00B"),
        told(id=None),
        told(id=["evt_0123456789"]),
        told(type="paid"),
        told(type="payment.paid\n"),
        told(payment_reference={}),
        told(payment_reference="\ud800" * 8),
        json.dumps({"merchant": Bank.merchant}).encode(),
    ],
)
def test_a_genuine_but_malformed_notification_is_refused(body):
    assert refusal(delivered(body)) in (400, 401)


def test_the_banks_own_notifications_are_understood(bank):
    """What the bank signs, the adapter reads: no test secret or shape of ours in between."""
    ear = Ear()
    gateway = gateway_of(bank)
    request = wish(notify_url=ear.url)
    gateway.create(request)
    bank.pay(request.reference)
    heard = ear.hears(1)[0]
    raw = base.RawRequest("POST", "/", "", {"sandbox-signature": heard.signature}, heard.body)
    (hint,) = gateway.parse_notification(raw)
    assert (hint.kind, hint.reference) == ("payment.paid", request.reference)
    ear.close()
