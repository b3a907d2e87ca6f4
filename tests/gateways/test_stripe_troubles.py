"""Three answers, not two: only Stripe's own final word about our object is one."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from payments.gateways import base
from payments.gateways import stripe_answers as answers
from payments.gateways.stripe import StripeGateway
from tests.bank import Bank
from tests.gateways.impostors import answering, self_signed
from tests.gateways.rows import shows
from tests.gateways.stripe_shop import gateway_of, giving_back, named, paid, secrets_of, wish

fuzz = settings(
    max_examples=100, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture
def gateway(bank: Bank) -> StripeGateway:
    return gateway_of(bank)


@pytest.mark.parametrize(
    "knob", ["lose_answer", "error_before", "error_after", "late_request", "broken_answer",
             "wrong_merchant"],
)  # fmt: skip
@pytest.mark.parametrize("call", ["create", "query", "close", "refund", "query_refund"])
@shows("stripe", "busy")
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
    if knob == "wrong_merchant" and "refund" in call:
        # A refund carries no mode of its own: it is known by its charge and our word.
        assert calls[call]().state is base.RefundState.DONE
    else:
        with pytest.raises(base.Unknown):
            calls[call]()
    bank.faults()
    calls[call]()
    assert bank.net(payment.reference) == 2400


@shows("stripe", "wrong-merchant")
@pytest.mark.parametrize("knob", ["wrong_merchant", "wrong_reference"])
@pytest.mark.parametrize("method", ["card", "redirect"])
def test_an_object_of_another_mode_or_reference_is_unknown(bank, gateway, knob, method):
    request = wish(method)
    bank.faults(**{knob: 1})
    with pytest.raises(base.Unknown):
        gateway.create(request)
    bank.faults()
    bank.pay(request.reference)
    bank.faults(**{knob: 1})
    with pytest.raises(base.Unknown):
        gateway.query(base.PaymentRef(request.reference, "", request.created_at))


@shows("stripe", "wrong-merchant")
def test_a_refund_of_another_reference_is_unknown(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(wrong_reference=1, only=["refund"])
    with pytest.raises(base.Unknown, match="another refund"):
        gateway.refund(giving_back(payment, 100))


@shows("stripe", "unknown")
@pytest.mark.parametrize("method", ["card", "redirect"])
def test_a_state_that_is_not_in_the_documentation_is_unknown(bank, gateway, method):
    payment = paid(bank, gateway, method)
    bank.faults(unknown=1)
    with pytest.raises(base.Unknown):
        gateway.query(payment)
    bank.faults(hold_status=1)
    assert gateway.query(payment).state is base.State.PENDING


def test_what_stripe_made_it_cannot_have_lost(bank, gateway):
    """Its id came from Stripe: "no such payment" is a wrong key, and proves nothing."""
    request = wish()
    made = gateway.create(request)
    bank.faults(not_found=1)
    with pytest.raises(base.Unknown):
        gateway.query(named(request, made))


def test_a_refused_create_is_a_final_no(bank, gateway):
    bank.faults(refuse_create=1)
    with pytest.raises(base.Refused):
        gateway.create(wish())
    assert bank.payments() == []


def test_other_parameters_under_the_same_key_are_no_final_no(gateway):
    request = wish()
    gateway.create(request)
    with pytest.raises(base.Unknown, match="idempotency_error"):
        gateway.create(wish(reference=request.reference, amount_minor=1))


def test_a_wrong_key_is_no_final_no(bank):
    with pytest.raises(base.Unknown, match="401"):
        gateway_of(bank, secret_key="sk_test_somebodyelses").create(wish())


@shows("stripe", "busy")
@pytest.mark.parametrize("status", [401, 403, 404, 409, 424, 429, 500, 502, 503, 504, 302])
def test_no_other_status_is_an_answer(bank, status):
    error = {"error": {"type": "invalid_request_error", "code": "no_such_thing"}}
    with answering(status, json.dumps(error).encode()) as url:
        busy = gateway_of(bank, base_url=url)
        for call in (
            lambda: busy.create(wish()),
            lambda: busy.query(named(wish())),
            lambda: busy.close(named(wish())),
            lambda: busy.refund(giving_back(named(wish(), transaction_id="ch_1"), 1)),
            lambda: busy.statement(datetime.now(UTC).date()),
        ):
            with pytest.raises(base.Unknown):
                call()


@shows("stripe", "tls")
def test_nobody_is_told_anything_who_cannot_show_a_certificate(bank, tmp_path):
    with self_signed(tmp_path) as (url, requests):
        with pytest.raises(base.Unknown, match="ConnectError"):
            gateway_of(bank, base_url=url).create(wish())
        assert requests == []


def test_no_secret_is_in_what_is_raised(bank):
    """Keys go in a header, the shopper's facts in the body: no error repeats either."""
    keys = secrets_of(bank)
    canaries = [*keys.values(), "000.000.000-00", "Ada Lovelace"]
    gateways = [gateway_of(bank, base_url="http://127.0.0.1:9"), gateway_of(bank)]
    told = []
    for gateway in gateways:
        for request in (
            wish("boleto", amount_minor=1),
            wish("boleto", expires_at=datetime.now(UTC)),
        ):
            bank.faults(error_after=1)
            try:
                gateway.create(request)
            except (base.Unknown, base.Refused) as problem:
                told.append("".join(traceback.format_exception(problem)) + repr(problem))
    assert len(told) == 4
    for text in [*told, repr(gateways[0])]:
        assert not [canary for canary in canaries if canary in text]


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from(["\0", "\ud800", "succeeded", "pi_x", 2**63, [], {}, [{}], {"id": 1}]),
)  # fmt: skip
INTENT = {
    "id": "pi_1", "object": "payment_intent", "status": "succeeded", "currency": "eur",
    "client_secret": "pi_1_secret_2", "metadata": {"reference": "R", "shop": "payonce"},
    "next_action": None, "last_payment_error": None, "livemode": False,
    "latest_charge": {"id": "ch_1", "status": "succeeded", "captured": True, "currency": "eur",
                      "payment_intent": "pi_1", "amount_captured": 1, "created": 1},
}  # fmt: skip
SESSION = {
    "id": "cs_test_1", "object": "checkout.session", "status": "open", "url": "https://x/y",
    "expires_at": 1, "metadata": {"reference": "R", "shop": "payonce"}, "payment_intent": INTENT,
}  # fmt: skip
REFUND = {
    "id": "re_1", "object": "refund", "status": "succeeded", "amount": 1, "currency": "eur",
    "charge": "ch_1", "metadata": {"reference": "F"},
}  # fmt: skip


@fuzz
@given(st.data())
def test_a_broken_object_is_never_more_than_a_value_error(data):
    shape = data.draw(st.sampled_from([INTENT, SESSION, REFUND]))
    field = data.draw(st.sampled_from(sorted(shape)))
    told = shape | {field: data.draw(ODD)}
    readers = {
        id(INTENT): lambda: answers.intent(told, [], "pk"),
        id(SESSION): lambda: answers.session(told, []),
        id(REFUND): lambda: answers.refund(told),
    }
    try:
        readers[id(shape)]()
    except (KeyError, TypeError, ValueError):
        return
