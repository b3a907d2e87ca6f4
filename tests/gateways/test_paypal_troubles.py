"""Three answers, not two: only PayPal's own final word about our order is one."""

from __future__ import annotations

import copy
import json
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from payments.gateways import base
from payments.gateways import paypal_answers as answers
from payments.gateways.paypal import PayPalGateway
from tests.bank import Bank
from tests.gateways.impostors import answering, self_signed
from tests.gateways.paypal_shop import (
    agreed,
    gateway_of,
    giving_back,
    named,
    paid,
    secrets_of,
    wish,
)
from tests.gateways.rows import shows
from tests.simulator.merchant import new_reference

fuzz = settings(
    max_examples=150, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture
def gateway(bank: Bank) -> PayPalGateway:
    return gateway_of(bank)


@pytest.mark.parametrize(
    "knob", ["lose_answer", "error_before", "error_after", "late_request", "broken_answer"]
)
@pytest.mark.parametrize("call", ["create", "query", "close", "capture", "refund", "query_refund"])
@shows("paypal", "busy")
def test_a_disturbed_answer_is_unknown(bank, gateway, knob, call):
    payment, waiting = paid(bank, gateway), agreed(bank, gateway)
    refund = giving_back(payment, 100)
    gateway.refund(refund)
    request, key = wish(), new_reference()
    calls = {
        "create": lambda: gateway.create(request),
        "query": lambda: gateway.query(payment),
        "close": lambda: gateway.close(payment),
        "capture": lambda: gateway.capture(waiting, key),
        "refund": lambda: gateway.refund(refund),
        "query_refund": lambda: gateway.query_refund(refund),
    }
    bank.faults(**{knob: 1})
    with pytest.raises(base.Unknown):
        calls[call]()
    bank.faults()
    calls[call]()
    assert bank.net(payment.reference) == 2400
    assert bank.net(waiting.reference) == (2500 if call == "capture" else 0)


@shows("paypal", "wrong-merchant")
@pytest.mark.parametrize("knob", ["wrong_merchant", "wrong_reference"])
def test_an_order_of_another_account_or_number_is_unknown(bank, gateway, knob):
    payment = agreed(bank, gateway)
    bank.faults(**{knob: 1})
    for call in (
        lambda: gateway.create(wish()),
        lambda: gateway.query(payment),
        lambda: gateway.capture(payment, new_reference()),
    ):
        with pytest.raises(base.Unknown):
            call()
    if knob == "wrong_merchant":
        with pytest.raises(base.Unknown, match="another account"):
            gateway.statement(datetime.now(UTC).date())
    bank.faults()
    assert gateway.query(payment).state is base.State.CAPTURED


@shows("paypal", "wrong-merchant")
def test_a_refund_of_another_reference_is_unknown(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(wrong_reference=1, only=["refund"])
    with pytest.raises(base.Unknown, match="another refund"):
        gateway.refund(giving_back(payment, 100))


@shows("paypal", "unknown")
def test_a_state_that_is_not_in_the_documentation_is_unknown(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(unknown=1)
    with pytest.raises(base.Unknown):
        gateway.query(payment)
    bank.faults(hold_status=1)
    assert gateway.query(payment).state is base.State.AUTHORIZED


def test_a_capture_that_is_not_shown_yet_is_unknown_and_no_second_wish(bank, gateway):
    payment = agreed(bank, gateway)
    bank.faults(hold_status=1)
    with pytest.raises(base.Unknown, match="not shown yet"):
        gateway.capture(payment, new_reference())
    bank.faults()
    assert gateway.capture(payment, new_reference()).state is base.State.CAPTURED
    assert bank.net(payment.reference) == 2500


def test_two_orders_under_one_number_are_captured_once(bank, gateway):
    """The invoice number is unique on the account: a second guard."""
    request = wish()
    bank.faults(ignore_key=1)
    first, second = gateway.create(request), gateway.create(request)
    bank.faults()
    bank.pay(request.reference)
    bank.pay(request.reference)
    gateway.capture(named(request, first), new_reference())
    with pytest.raises(base.Unknown, match="DUPLICATE_INVOICE_ID"):
        gateway.capture(named(request, second), new_reference())
    assert bank.net(request.reference) == 2500


def test_a_refused_create_is_a_final_no(bank, gateway):
    bank.faults(refuse_create=1)
    with pytest.raises(base.Refused, match="PAYEE_ACCOUNT_RESTRICTED"):
        gateway.create(wish())
    assert bank.payments() == []
    assert gateway.query(named(wish())).state is base.State.NOT_FOUND


def test_other_parameters_under_the_same_key_are_no_final_no(gateway):
    request = wish()
    gateway.create(request)
    with pytest.raises(base.Unknown, match="PREVIOUSLY_USED"):
        gateway.create(wish(reference=request.reference, amount_minor=1))


def test_wrong_credentials_are_no_final_no(bank):
    with pytest.raises(base.Unknown, match="no token"):
        gateway_of(bank, client_secret="wrong").create(wish())


@shows("paypal", "busy")
@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 502, 503, 504, 302, 200])
def test_no_other_status_is_an_answer(bank, status):
    """The token is good, and then nothing is."""
    with answering(status, json.dumps({"name": "NOT_AUTHORIZED", "details": []}).encode()) as url:
        busy = gateway_of(bank, base_url=url)
        busy._client._token, busy._client._ends_at = "good", datetime.max.replace(tzinfo=UTC)
        payment = named(wish(), transaction_id="CAPTURE1", gateway_id="ORDER1", capture_sent=True)
        for call in (
            lambda: busy.create(wish()),
            lambda: busy.query(payment),
            lambda: busy.close(payment),
            lambda: busy.capture(payment, new_reference()),
            lambda: busy.refund(giving_back(payment, 1)),
            lambda: busy.statement(datetime.now(UTC).date()),
        ):
            with pytest.raises(base.Unknown):
                call()


@shows("paypal", "tls")
def test_nobody_is_told_anything_who_cannot_show_a_certificate(bank, tmp_path):
    with self_signed(tmp_path) as (url, requests):
        with pytest.raises(base.Unknown, match="ConnectError"):
            gateway_of(bank, base_url=url).create(wish())
        assert requests == []


def test_no_secret_is_in_what_is_raised(bank):
    told, canaries = [], [secrets_of(bank)["client_secret"]]
    working = gateway_of(bank)
    working.create(wish())
    canaries.append(working._client._token)
    for gateway in (working, gateway_of(bank, base_url="http://127.0.0.1:9")):
        for knob in ({"error_after": 1}, {"refuse_create": 1}, {"broken_answer": 1}):
            bank.faults(**knob)
            try:
                gateway.create(wish())
            except (base.Unknown, base.Refused) as problem:
                told.append("".join(traceback.format_exception(problem)) + repr(problem))
    assert len(told) == 6
    for text in [*told, repr(working)]:
        assert not [canary for canary in canaries if canary in text]


ORDER: dict[str, Any] = {
    "id": "ORDER1", "status": "COMPLETED", "links": [{"rel": "payer-action", "href": "https://x/"}],
    "purchase_units": [{
        "invoice_id": "R", "custom_id": "O", "payee": {"merchant_id": "M"},
        "payments": {
            "captures": [{"id": "C1", "status": "COMPLETED", "create_time": "2026-01-01T00:00:00Z",
                          "amount": {"currency_code": "EUR", "value": "1.00"}}],
            "refunds": [{"id": "F1", "status": "COMPLETED", "custom_id": "X",
                         "amount": {"currency_code": "EUR", "value": "1.00"},
                         "links": [{"rel": "up", "href": "https://x/captures/C1"}]}],
        },
    }],
}  # fmt: skip
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from(["\0", "\ud800", "COMPLETED", "PENDING", 2**63, [], {}, [{}], [[]], {"id": 1}]),
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, below in inner:
        found += [
            (*at, name),
            *(places(below, (*at, name)) if isinstance(below, dict | list) else []),
        ]
    return found


@fuzz
@given(st.sampled_from(places(ORDER)), ODD)
def test_a_broken_order_is_never_more_than_a_value_error(place, value):
    told = copy.deepcopy(ORDER)
    inner: Any = told
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    try:
        answers.checkout(told)
    except (KeyError, TypeError, ValueError):
        return


@pytest.mark.parametrize(
    ("statuses", "state"),
    [(["PENDING"], base.State.PENDING), (["DECLINED"], base.State.DECLINED),
     (["FAILED", "DECLINED"], base.State.DECLINED), (["DECLINED", "PENDING"], base.State.PENDING),
     (["DECLINED", "COMPLETED"], base.State.CAPTURED), (["REFUNDED"], base.State.CAPTURED)],
)  # fmt: skip
def test_a_completed_order_is_what_its_captures_are(statuses, state):
    told = copy.deepcopy(ORDER)
    payments = told["purchase_units"][0]["payments"]
    first = payments["captures"][0]
    payments["captures"] = [first | {"id": f"C{n}", "status": s} for n, s in enumerate(statuses)]
    payments["refunds"] = []
    assert answers.checkout(told).state is state


def test_a_completed_order_without_a_capture_says_nothing():
    told = copy.deepcopy(ORDER)
    told["purchase_units"][0]["payments"] = {}
    with pytest.raises(KeyError):
        answers.checkout(told)
