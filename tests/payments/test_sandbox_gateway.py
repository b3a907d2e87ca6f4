"""The sandbox adapter against the real bank over real HTTP: three answers, and trust in none."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.gateways import base
from payments.gateways.sandbox import SandboxGateway
from tests.bank import Bank
from tests.simulator.ear import wait_for
from tests.simulator.merchant import new_reference

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def running_bank() -> Iterator[Bank]:
    with Bank() as bank:
        yield bank


@pytest.fixture
def bank(running_bank: Bank) -> Bank:
    running_bank.reset()
    return running_bank


def gateway_of(bank: Bank, **changes: Any) -> SandboxGateway:
    settings: dict[str, Any] = {
        "base_url": bank.url,
        "public_url": bank.url,
        "merchant": bank.merchant,
        "api_key": bank.api_key,
        "signing_secret": bank.signing_secret,
        "webhook_secrets": (bank.webhook_secret,),
    }
    return SandboxGateway(**(settings | changes))


@pytest.fixture
def gateway(bank: Bank) -> SandboxGateway:
    return gateway_of(bank)


def wish(method: str = "qr", **changes: Any) -> base.CreateRequest:
    fields: dict[str, Any] = {
        "reference": new_reference(),
        "method": method,
        "amount_minor": 2500,
        "currency": "EUR",
        "subject": "Order 1042",
        "created_at": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + timedelta(minutes=15),
        "notify_url": "http://127.0.0.1:9/webhooks/sandbox/",
        "return_url": "http://127.0.0.1:8000/orders/abc/",
        "locale": "en",
    }
    return base.CreateRequest(**(fields | changes))


def named(request: base.CreateRequest, transaction_id: str = "") -> base.PaymentRef:
    return base.PaymentRef(
        request.reference, request.method, request.created_at, transaction_id=transaction_id
    )


def paid(bank: Bank, gateway: SandboxGateway) -> base.PaymentRef:
    request = wish()
    gateway.create(request)
    bank.pay(request.reference)
    capture = gateway.query(named(request)).captures[0]
    return named(request, capture.transaction_id)


def giving_back(payment: base.PaymentRef, amount_minor: int) -> base.RefundRequest:
    return base.RefundRequest(
        new_reference(), payment, amount_minor, "EUR", "sent back", datetime.now(UTC)
    )


# -- the answers --------------------------------------------------------------------------------


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
    assert closed.snapshot is not None and closed.snapshot.state is base.State.CLOSED
    assert blocked.answer is base.CloseAnswer.NOT_CLOSABLE
    assert blocked.dead_after == redirect.expires_at
    late = gateway.close(paid(bank, gateway))
    assert late.answer is base.CloseAnswer.ALREADY_PAID
    assert late.snapshot is not None and late.snapshot.captures[0].amount_minor == 2500


def test_a_create_on_a_reference_that_was_closed_before_is_closed(gateway):
    request = wish("qr")
    gateway.close(named(request))
    snapshot = gateway.create(request)
    assert (snapshot.state, snapshot.presentation) == (base.State.CLOSED, None)


# -- the final no and the unknown ---------------------------------------------------------------


def test_a_refused_create_is_a_final_no(bank, gateway):
    bank.faults(refuse_create=1)
    with pytest.raises(base.Refused, match="not_accepted"):
        gateway.create(wish())
    with pytest.raises(base.Refused, match="expired"):
        gateway.create(wish(expires_at=datetime.now(UTC) - timedelta(seconds=1)))


def test_a_reused_reference_is_no_final_no_because_the_other_payment_can_be_paid(gateway):
    request = wish()
    gateway.create(request)
    with pytest.raises(base.Unknown, match="reference_reused"):
        gateway.create(wish(reference=request.reference, amount_minor=1))


def test_a_wrong_api_key_is_no_final_no(bank):
    with pytest.raises(base.Unknown, match="401"):
        gateway_of(bank, api_key="wrong").create(wish())


@pytest.mark.parametrize(
    "knob",
    ["lose_answer", "error_before", "error_after", "late_request", "bad_signature",
     "broken_answer", "wrong_merchant", "wrong_reference"],
)  # fmt: skip
@pytest.mark.parametrize("call", ["create", "query", "close", "refund", "query_refund"])
def test_a_disturbed_answer_is_unknown(bank, gateway, knob, call):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 100)
    gateway.refund(refund)
    request = wish()
    calls = {
        "create": lambda: gateway.create(request),
        "query": lambda: gateway.query(payment),
        "close": lambda: gateway.close(payment),
        "refund": lambda: gateway.refund(refund),
        "query_refund": lambda: gateway.query_refund(refund),
    }
    bank.faults(**{knob: 1})
    with pytest.raises(base.Unknown):
        calls[call]()
    bank.faults()
    calls[call]()
    assert bank.net(payment.reference) == 2400


@pytest.mark.parametrize("skew", [-301, 301, -3600, 3600])
def test_an_answer_signed_at_another_time_is_unknown(bank, gateway, skew):
    bank.faults(clock_skew=skew)
    with pytest.raises(base.Unknown):
        gateway.query(named(wish()))


def test_a_state_that_the_bank_cannot_tell_is_unknown(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(unknown=1)
    with pytest.raises(base.Unknown):
        gateway.query(payment)


def test_a_slow_bank_is_unknown_after_the_read_limit(bank):
    bank.faults(delay_ms=2000)
    impatient = gateway_of(bank, read_seconds=0.2)
    began = time.monotonic()
    with pytest.raises(base.Unknown, match="ReadTimeout"):
        impatient.query(named(wish()))
    assert time.monotonic() - began < 1


def test_a_bank_that_is_not_there_is_unknown():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        bank = Bank(port=silent.getsockname()[1])
        with pytest.raises(base.Unknown, match="Connect"):
            gateway_of(bank).query(named(wish()))
        bank.stop()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 21\r\n\r\n" + b'{"error":"not_found"}',
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"not HTTP at all\r\n\r\n",
    ],
    ids=["unsigned", "unsigned 404", "redirect", "429", "huge", "cut", "noise"],
)
def test_an_answer_from_somebody_else_is_unknown(bank, answer):
    with Impostor(answer) as url, pytest.raises(base.Unknown):
        gateway_of(bank, base_url=url, read_seconds=1).query(named(wish()))


# -- refunds and the statement ------------------------------------------------------------------


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
    for _ in range(1100):
        gateway.refund(giving_back(payment, 1))
    rows = gateway.statement(datetime.now(UTC).date())
    assert len(rows) == 1101
    assert len({row.refund_reference for row in rows}) == 1101


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


# -- notifications ------------------------------------------------------------------------------


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
    from tests.simulator.ear import Ear

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


class Impostor:
    """Answers one connection with given bytes and hangs up."""

    def __init__(self, answer: bytes) -> None:
        import threading

        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=5)
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(65_536)
            try:
                connection.sendall(self._answer)
            except OSError:
                return  # the client had read enough
