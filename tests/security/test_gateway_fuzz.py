"""Whatever comes from the bank's side: unsigned it says nothing, signed it says no nonsense."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from payments.gateways import base
from payments.gateways.sandbox import SandboxGateway
from simulator.sandbox.signing import signature
from tests.bank import Bank
from tests.payments.sandbox import gateway_of, giving_back, paid
from tests.security.puppet import Puppet

fuzz = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    # The first finding as it is: to shrink a conversation over HTTP takes minutes.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ODD = ["", "\0", "\ud800", "paid", "declined", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z",
       -1, 0, 2**63, 10**30, True, [["kind", "qr"]], {"kind": "qr"}, {"kind": None}]  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(ODD)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
STATUSES = st.sampled_from([200, 201, 202, 301, 302, 400, 401, 402, 403, 404, 409, 422, 500, 503])
#: Of both kinds of answer of the bank, and of nobody's; `error` alone is a refusal.
REFUSALS = [{"error": "not_found"}, {"error": "reference_closed"}, {"error": "declined"}, {}]
NOTIFIED = {
    "id": "evt_0123456789",
    "type": "payment.paid",
    "created_at": "2026-11-25T10:00:00+00:00",
    "merchant": Bank.merchant,
    "reference": "REFERENCE1",
    "payment_reference": "REFERENCE1",
    "data": {},
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every field of a document, however deep."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, below in inner:
        yield (*at, name)
        if isinstance(below, dict | list):
            yield from places(below, (*at, name))


@st.composite
def nearly(draw: st.DrawFn, right: dict[str, Any]) -> dict[str, Any]:
    """A right document with one or two fields that are anything, or missing."""
    document = copy.deepcopy(right)
    for _ in range(draw(st.integers(1, 2))):
        *way, last = draw(st.sampled_from(list(places(document))))
        inner: Any = document
        for step in way:
            inner = inner[step]
        if isinstance(inner, dict) and draw(st.booleans()) and draw(st.booleans()):
            del inner[last]
            if not document:
                break
        else:
            inner[last] = copy.deepcopy(draw(VALUES))
    return document


def spelled(document: Any) -> bytes:
    return json.dumps(document).encode()


@st.composite
def unsigned(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> tuple[bytes, dict[str, str]]:
    """A body, and headers that the bank did not make for it."""
    body = draw(bodies)
    genuine = signature(Bank.webhook_secret, body + b" ")
    header = draw(
        st.one_of(
            st.none(),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90),
            st.builds(lambda s: signature(s, body), st.text("abc", max_size=9)),
            st.sampled_from(
                [genuine, genuine.upper(), "t=1,v1=" + "0" * 64, f"{genuine},{genuine}"]
            ),
        )
    )
    return body, {} if header is None else {"sandbox-signature": header}


RECEIVER = gateway_of(Bank(port=9))


def parse(body: bytes, headers: dict[str, str]) -> Any:
    request = base.RawRequest("POST", "/webhooks/sandbox/", "", headers, body)
    try:
        return list(RECEIVER.parse_notification(request))
    except base.NotificationRefused as refusal:
        return refusal.status


BODIES = st.one_of(st.binary(max_size=80), nearly(NOTIFIED).map(spelled), VALUES.map(spelled))


@fuzz
@given(told=unsigned(BODIES))
def test_no_notification_without_the_banks_signature_is_a_hint(told):
    body, headers = told
    assert parse(body, headers) == 401


@fuzz
@given(body=BODIES, media_type=st.one_of(st.none(), st.text(max_size=20)))
def test_a_signed_notification_is_a_hint_or_refused(body, media_type):
    headers = {"sandbox-signature": signature(Bank.webhook_secret, body)}
    answer = parse(body, headers if media_type is None else headers | {"content-type": media_type})
    if isinstance(answer, int):
        assert answer in (400, 401, 415)
        return
    (hint,) = answer
    assert json.loads(body)["merchant"] == Bank.merchant
    for word in (hint.notification_id, hint.kind, hint.reference):
        assert word
        assert word.isascii()
        assert word.isprintable()


class Questions:
    """The five calls that an adapter makes about one paid payment, and the bank's true answers."""

    def __init__(self, bank: Bank, gateway: SandboxGateway) -> None:
        self.payment = paid(bank, gateway)
        self.refund = giving_back(self.payment, 100)
        gateway.refund(self.refund)
        told = {"Authorization": f"Bearer {bank.api_key}"}
        reference = self.payment.reference
        self.shown = bank.client.get(f"/v1/payments/{reference}", headers=told).json()
        self.sent_back = bank.client.get(
            f"/v1/refunds/{self.refund.reference}", headers=told
        ).json()
        self.closed = {"result": "already_paid", "dead_after": None, "payment": self.shown}
        asked = base.CreateRequest(
            reference, "PO-1042", "qr", 2500, "EUR", "Order", self.payment.created_at,
            self.payment.created_at + timedelta(minutes=15), "http://127.0.0.1:9/", "/", "en",
        )  # fmt: skip
        self.calls: dict[str, Callable[[SandboxGateway], Any]] = {
            "create": lambda g: g.create(asked),
            "query": lambda g: g.query(self.payment),
            "close": lambda g: g.close(self.payment),
            "refund": lambda g: g.refund(self.refund),
            "query_refund": lambda g: g.query_refund(self.refund),
            "statement": lambda g: g.statement(datetime.now(UTC).date()),
        }


@pytest.fixture(scope="module")
def questions(bank_process: Bank) -> Questions:
    return Questions(bank_process, gateway_of(bank_process))


@pytest.fixture(scope="module")
def puppet() -> Iterator[Puppet]:
    with Puppet() as somebody:
        yield somebody


@pytest.fixture(scope="module")
def gateway(bank_process: Bank, puppet: Puppet) -> SandboxGateway:
    """The adapter, led to somebody who is not the bank."""
    return gateway_of(bank_process, base_url=puppet.url)


def ask(gateway: SandboxGateway, questions: Questions, call: str) -> Any:
    """A result, or the name of how the call ended; anything else fails the test."""
    try:
        return questions.calls[call](gateway)
    except (base.Unknown, base.Refused) as end:
        return type(end).__name__


CALLS = st.sampled_from(["create", "query", "close", "refund", "query_refund", "statement"])


@fuzz
@given(data=st.data(), call=CALLS, status=STATUSES)
def test_no_answer_without_the_banks_signature_says_anything(
    gateway, questions, puppet, data, call, status
):
    rights = [questions.shown, questions.sent_back, questions.closed, *REFUSALS]
    right = data.draw(st.sampled_from(rights))
    body, headers = data.draw(unsigned(st.one_of(st.just(spelled(right)), st.binary(max_size=80))))
    puppet.answer = (status, headers, body)
    assert ask(gateway, questions, call) == "Unknown"


@fuzz
@given(data=st.data(), call=CALLS, status=STATUSES)
def test_a_signed_answer_that_makes_no_sense_is_unknown(
    gateway, questions, puppet, data, call, status
):
    document = data.draw(
        st.one_of(
            nearly(questions.shown),
            nearly(questions.sent_back),
            nearly(questions.closed),
            st.sampled_from(REFUSALS),
            VALUES,
        )
    )
    body = spelled(document)
    puppet.answer = (status, {"sandbox-signature": signature(Bank.signing_secret, body)}, body)
    told = ask(gateway, questions, call)
    if told == "Unknown":
        return
    if told == "Refused":
        assert status in (400, 402, 422)
        assert document["error"]
        return
    if isinstance(told, list):
        assert document["rows"] == told == []
        return
    snapshot = told.snapshot if isinstance(told, base.CloseResult) else told
    if isinstance(snapshot, base.Snapshot):
        assert_that_it_can_be_kept(snapshot)
        if snapshot.state is base.State.CAPTURED:
            assert questions.payment.reference == snapshot.reference
            assert snapshot.merchant == Bank.merchant
        if snapshot.state is base.State.DECLINED:
            assert "declined" in body.decode()


def assert_that_it_can_be_kept(snapshot: base.Snapshot) -> None:
    """Every text and figure fits into a column, so recording it cannot fail."""
    words = [snapshot.gateway_id, snapshot.reference, snapshot.order_reference, snapshot.note]
    for capture in snapshot.captures:
        words += [capture.transaction_id, capture.currency]
        assert 0 < capture.amount_minor < 2**63
        assert abs(capture.refunded_minor) < 2**63
        assert len(capture.currency) == 3
        capture.captured_at.astimezone(UTC)
    for word in words:
        assert "\0" not in word
        assert len(word) <= 64
        word.encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_bank_that_sends_us_elsewhere_is_not_followed(gateway, questions, puppet, status):
    with Puppet() as elsewhere:
        body = spelled(questions.shown)
        signed = {"sandbox-signature": signature(Bank.signing_secret, body)}
        elsewhere.answer = (200, signed, body)
        puppet.answer = (status, {"Location": f"{elsewhere.url}/v1/payments/x", **signed}, body)
        for call in questions.calls:
            assert ask(gateway, questions, call) == "Unknown", call
        assert elsewhere.requests == 0
