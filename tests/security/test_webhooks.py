"""Who knocks at the gateways' door with something that the bank did not say."""

from __future__ import annotations

import gzip
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments import inbox, registry, sweeping
from payments.models import Notification, Payment, ReviewCase
from simulator.sandbox.signing import signature
from tests.bank import Bank
from tests.orders.story import fresh, pay, refund
from tests.security.census import nothing_changes
from tests.security.hand import kind

pytestmark = pytest.mark.django_db

DOOR = "/webhooks/sandbox/"


@pytest.fixture
def reference(order: Any, bank: Bank) -> str:
    """An open payment that somebody would like to be paid."""
    return pay(order).payment.reference


def event(about: str, **changes: Any) -> bytes:
    told = {
        "id": f"evt-{about}",
        "type": "payment.paid",
        "created_at": timezone.now().isoformat(),
        "merchant": Bank.merchant,
        "reference": about,
        "payment_reference": about,
        "data": {},
    }
    return json.dumps(told | changes).encode()


def signed(body: bytes, secret: str = Bank.webhook_secret, skew: int = 0) -> dict[str, str]:
    return {"sandbox-signature": signature(secret, body, skew)}


def knock(client: Any, body: bytes, headers: dict[str, str], **more: Any) -> Any:
    media_type = more.pop("content_type", "application/json")
    return client.post(DOOR, body, content_type=media_type, headers=headers, **more)


BODY = event("0" * 26)
GOOD = signed(BODY)["sandbox-signature"]
FORGED = {
    "unsigned": (BODY, {}),
    "empty signature": (BODY, {"sandbox-signature": ""}),
    "wrong key": (BODY, signed(BODY, "guessed")),
    "no key": (BODY, signed(BODY, "")),
    "the key of the answers": (BODY, signed(BODY, Bank.signing_secret)),
    "changed byte": (BODY.replace(b"paid", b"raid"), {"sandbox-signature": GOOD}),
    "spelled anew": (json.dumps(json.loads(BODY), indent=1).encode(), {"sandbox-signature": GOOD}),
    "of another body": (BODY, signed(BODY + b" ")),
    "older scheme": (BODY, {"sandbox-signature": GOOD.replace("v1=", "v0=")}),
    "two signatures": (BODY, {"sandbox-signature": f"{GOOD},{GOOD}"}),
    "two schemes": (BODY, {"sandbox-signature": f"{GOOD},v0=00"}),
    "in capitals": (BODY, {"sandbox-signature": GOOD.upper()}),
    "another time": (BODY, {"sandbox-signature": "t=1" + GOOD[12:]}),
    "other digits": (BODY, {"sandbox-signature": "t=１２３,v1=" + "0" * 64}),
    "long": (BODY, {"sandbox-signature": "t=" + "1" * 5000 + ",v1=" + "0" * 64}),
    "no body": (b"", {"sandbox-signature": GOOD}),
    "another header": (BODY, {"signature": GOOD, "stripe-signature": GOOD}),
    "another merchant": (event("0" * 26, merchant="evil"), None),
    "of the live shop": (event("0" * 26, merchant="payonce-live"), None),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_the_bank_did_not_sign_for_us_is_refused_without_a_reason(
    guest, reference, bank, security_log, name
):
    body, headers = FORGED[name]
    with nothing_changes(bank):
        answer = knock(guest, body, signed(body) if headers is None else headers)
    assert kind(answer) == (401, "webhook-refused")
    assert answer.json()["detail"] == answer.json()["title"]
    assert security_log.has_one_line(Bank.webhook_secret, GOOD, "evil", "0" * 26)


MALFORMED = {
    "depth": b"[" * 60_000,
    "deep objects": b'{"a":' * 10_000,
    "NUL": event("0" * 25 + "\0"),
    "NUL byte": b'{"id": "\x00"}',
    "lone surrogate": event("0" * 26, id="\ud800" * 8),
    "latin-1": event("0" * 26, data="x").replace(b'"x"', b'"\xe4"'),
    "utf-16": event("0" * 26).decode().encode("utf-16"),
    "gzip": gzip.compress(b"0" * 10_000_000),
    "number": event("0" * 26, id=1),
    "list": event("0" * 26, payment_reference=["x"]),
    "null": b"null",
    "NaN": b'{"id": NaN}',
    "long integer": b'{"id": ' + b"9" * 5000 + b"}",
    "sql": event("' OR 1=1 --"),
    "long reference": event("0" * 5000),
    "too large for an event": event("0" * 26, data="x" * 65_536),
    "10 MB": event("0" * 26, data="x" * 10_000_000),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_signature_does_not_make_nonsense_an_event(guest, reference, bank, security_log, name):
    body = MALFORMED[name]
    with nothing_changes(bank):
        answer = knock(guest, body, signed(body))
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert security_log.has_one_line()


@pytest.mark.parametrize("skew", [-301, 301, -86_400])
def test_an_old_event_played_again_is_refused(guest, reference, bank, skew):
    body = event(reference)
    with nothing_changes(bank):
        assert knock(guest, body, signed(body, skew=skew)).status_code == 400


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "text/xml"]
)
def test_a_foreign_content_type_is_refused(guest, reference, bank, media_type):
    body = event(reference)
    with nothing_changes(bank):
        assert knock(guest, body, signed(body), content_type=media_type).status_code == 415


@pytest.mark.parametrize("gateway", ["other", "SANDBOX", "sandbox2", "admin"])
def test_a_gateway_that_we_do_not_have_is_nowhere(guest, reference, bank, gateway):
    body = event(reference)
    with nothing_changes(bank):
        answer = guest.post(
            f"/webhooks/{gateway}/", body, content_type="application/json", headers=signed(body)
        )
    assert kind(answer) == (404, "not-found")


def process_all() -> None:
    for note in Notification.objects.filter(processed_at=None):
        inbox.process(note.pk, now=timezone.now())


def test_a_genuine_lie_is_stored_and_believed_nothing(guest, order, reference, bank):
    body = event(reference)
    assert knock(guest, body, signed(body)).status_code == 200
    ledger = bank.ledger()
    process_all()
    assert (fresh(order).state, bank.ledger()) == ("paying", ledger)
    assert Payment.objects.get().state == "open"


def test_a_repeat_is_acknowledged_and_changes_nothing(guest, order, reference, bank):
    bank.pay(reference)
    body = event(reference)
    knock(guest, body, signed(body))
    process_all()
    assert fresh(order).state == "paid"
    with nothing_changes(bank):
        for _ in range(20):
            assert knock(guest, body, signed(body)).status_code == 200
        process_all()


def test_a_repeat_after_the_refund_changes_nothing(guest, order, reference, bank):
    bank.pay(reference)
    body = event(reference)
    knock(guest, body, signed(body))
    process_all()
    refund(reference, Payment.objects.get().amount_minor, 0)
    assert (fresh(order).state, bank.net(reference)) == ("refunded", 0)
    with nothing_changes(bank):
        assert knock(guest, body, signed(body)).status_code == 200
        process_all()


def test_a_hint_about_nobody_is_stored_and_ends_with_a_person(guest, reference, bank):
    body = event("Z" * 26)
    before = bank.ledger()
    assert knock(guest, body, signed(body)).status_code == 200
    for minutes in range(1, 8):
        sweeping.sweep(now=timezone.now() + timedelta(minutes=minutes))
        for note in Notification.objects.filter(processed_at=None):
            inbox.process(note.pk, now=timezone.now())
    assert ReviewCase.objects.filter(kind="orphan_notification").count() == 1
    assert Payment.objects.get().state == "open"
    assert bank.ledger() == before


def test_while_a_secret_is_exchanged_both_are_good_and_then_only_the_new_one(
    guest, reference, bank, settings
):
    gateways = settings.PAYMENT_GATEWAYS
    told = gateways["sandbox"]

    def secrets(*accepted: str) -> None:
        options = told["options"] | {"webhook_secrets": accepted}
        settings.PAYMENT_GATEWAYS = {"sandbox": told | {"options": options}}
        registry.gateway.cache_clear()

    def answer_to(secret: str) -> int:
        body = event(reference, id=f"evt-{secret}-{time.monotonic_ns()}")
        return int(knock(guest, body, signed(body, secret)).status_code)

    try:
        secrets("old", "new")
        assert [answer_to("old"), answer_to("new")] == [200, 200]
        secrets("new")
        assert [answer_to("old"), answer_to("new")] == [401, 200]
    finally:
        registry.gateway.cache_clear()


def test_the_number_of_forged_knocks_shuts_out_no_genuine_one(guest, reference, bank):
    """Counted by signature, not by address: a forger cannot use up the bank's share."""
    for _ in range(100):
        assert knock(guest, BODY, {}).status_code == 401
    body = event(reference)
    assert knock(guest, body, signed(body)).status_code == 200
