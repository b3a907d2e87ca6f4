"""Three answers, not two: only the bank's own final word is a no, all else is unknown."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
from payments.gateways.sandbox import SandboxGateway
from tests.bank import Bank
from tests.payments.sandbox import Impostor, gateway_of, giving_back, named, paid, wish


@pytest.fixture
def gateway(bank: Bank) -> SandboxGateway:
    return gateway_of(bank)


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
    bank.faults(delay_ms=8000)
    impatient = gateway_of(bank, read_seconds=0.2)
    began = time.monotonic()
    with pytest.raises(base.Unknown, match="ReadTimeout"):
        impatient.query(named(wish()))
    assert time.monotonic() - began < 5


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
