"""Only Razorpay's own "bad request" to this very request is a no; everything else is unknown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from payments.gateways import base
from payments.gateways import razorpay_answers as answers
from payments.gateways.razorpay import RazorpayGateway
from payments.gateways.razorpay_wire import Api
from payments.gateways.wire import Wire
from tests.bank import Bank
from tests.gateways.razorpay import (
    authorized,
    gateway_of,
    giving_back,
    keys_of,
    named,
    paid,
    wish,
)
from tests.gateways.rows import shows
from tests.payments.sandbox import Impostor
from tests.security.puppet import Puppet
from tests.security.test_gateway_tls import LOCALHOST, Authority, encrypt


@pytest.fixture
def gateway(bank: Bank) -> RazorpayGateway:
    return gateway_of(bank)


@pytest.mark.parametrize(
    "knob", ["lose_answer", "error_before", "error_after", "late_request", "broken_answer"]
)
def test_a_disturbed_answer_is_unknown(bank, gateway, knob):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 100)
    gateway.refund(refund)
    request = wish("link")
    calls = (
        lambda: gateway.create(request),
        lambda: gateway.query(payment),
        lambda: gateway.close(payment),
        lambda: gateway.capture(payment, "a-key"),
        lambda: gateway.refund(refund),
        lambda: gateway.query_refund(refund),
        lambda: gateway.statement(datetime.now(UTC).date()),
    )
    bank.faults(**{knob: 1})
    for call in calls:
        with pytest.raises(base.Unknown):
            call()
    bank.faults()
    for call in calls:
        call()
    assert bank.net(payment.reference) == 2400


@shows("razorpay", "wrong-merchant")
def test_an_answer_about_another_reference_is_no_answer(bank, gateway):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 100)
    gateway.refund(refund)
    bank.faults(wrong_reference=1)
    for call in (
        lambda: gateway.create(wish()),
        lambda: gateway.create(wish("link")),
        lambda: gateway.query(payment),
        lambda: gateway.query_refund(refund),
    ):
        with pytest.raises(base.Unknown, match="another"):
            call()


@shows("razorpay", "unknown")
def test_a_state_that_was_never_told_of_is_unknown_and_a_held_one_is_pending(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(unknown=1)
    with pytest.raises(base.Unknown):
        gateway.query(payment)
    bank.faults(hold_status=1)
    assert gateway.query(payment).state is base.State.PENDING
    bank.faults(not_found=1)
    assert gateway.query(payment).state is base.State.NOT_FOUND


@pytest.mark.parametrize("method", ["checkout", "link"])
def test_a_refused_create_is_a_final_no(bank, gateway, method):
    bank.faults(refuse_create=1)
    with pytest.raises(base.Refused, match="razorpay_input_validation_failed"):
        gateway.create(wish(method))
    assert bank.payments() == []


def test_a_link_that_ends_too_soon_is_refused(gateway):
    now = datetime.now(UTC)
    with pytest.raises(base.Refused):
        gateway.create(wish("link", expires_at=now))


@pytest.mark.parametrize(
    "change",
    [{"currency": "EUR"}, {"method": "card"}, {"reference": "SHORT"}, {"reference": "A" * 41},
     {"currency": "KWD", "amount_minor": 295_991}],
)  # fmt: skip
def test_what_razorpay_could_not_carry_is_refused_before_it_is_sent(bank, change):
    nowhere = gateway_of(bank, base_url="http://127.0.0.1:9")
    with pytest.raises(base.Refused):
        nowhere.create(wish(**change))


def test_a_refused_refund_is_a_final_no_and_moves_nothing(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(refuse_refund=1)
    with pytest.raises(base.Refused, match="not_accepted"):
        gateway.refund(giving_back(payment, 100))
    assert bank.net(payment.reference) == 2500
    with pytest.raises(base.Unknown, match="transaction"):
        gateway.refund(giving_back(named(wish()), 100))


def test_a_capture_that_is_refused_while_it_stays_authorized_is_unknown(bank, gateway):
    """Razorpay says "bad request" too while another request is at the same payment."""
    payment = authorized(bank, gateway)
    with Puppet() as puppet:
        order = {"id": "order_ABCDEFGHIJKLMN", "receipt": payment.reference, "status": "attempted",
                 "amount": 2500, "currency": "INR", "created_at": 1, "notes": [],
                 "payments": {"items": [SHOWN | {"status": "authorized"}]}}  # fmt: skip
        puppet.answer = (200, {}, json.dumps({"items": [order]}).encode())
        with pytest.raises(base.Unknown, match="still not captured"):
            gateway_of(bank, base_url=puppet.url).capture(payment, "a-key")


@shows("razorpay", "busy")
@pytest.mark.parametrize(
    "status", ["429 Too Many", "500 Oops", "502 Bad Gateway", "401 Who", "404 No", "409 Busy"]
)
def test_busy_and_broken_are_no_answer(bank, status):
    body = b'{"error":{"code":"BAD_REQUEST_ERROR","reason":"x"}}'
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    for call in (
        lambda url: gateway_of(bank, base_url=url).query(named(wish())),
        lambda url: gateway_of(bank, base_url=url).create(wish()),
    ):
        with Impostor(answer) as url, pytest.raises(base.Unknown):
            call(url)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_only_400_with_its_own_code_is_a_no(status):
    error = {"error": {"code": "BAD_REQUEST_ERROR", "reason": "x" * 61, "description": "secret"}}
    with Puppet() as puppet:
        api = Api(Wire(puppet.url, connect_seconds=1, read_seconds=5), "id", "secret")
        puppet.answer = (status, {}, json.dumps(error).encode())
        with pytest.raises(base.Refused if status == 400 else base.Unknown) as caught:
            api.post("/v1/orders", {})
        assert "secret" not in str(caught.value)
        puppet.answer = (400, {}, b'{"error": {"code": "GATEWAY_ERROR"}}')
        with pytest.raises(base.Unknown):
            api.post("/v1/orders", {})
        with pytest.raises(base.Unknown):
            api.get("/v1/orders")


def test_a_paid_link_without_money_is_no_answer():
    link = {"id": "plink_ABCDEFGHIJKLMN", "reference_id": "LINK000001", "status": "paid",
            "amount": 2500, "currency": "INR", "notes": []}  # fmt: skip
    assert answers.link(link, "LINK000001", [SHOWN]).payments == (SHOWN,)
    with pytest.raises(ValueError, match="without a captured"):
        answers.link(link, "LINK000001", [])


def test_a_wrong_key_is_no_final_no(bank):
    with pytest.raises(base.Unknown, match="401"):
        gateway_of(bank, key_secret="wrong").create(wish())


SHOWN: dict[str, Any] = {
    "id": "pay_ABCDEFGHIJKLMN",
    "amount": 2500,
    "currency": "INR",
    "status": "captured",
    "captured": True,
    "order_id": "order_ABCDEFGHIJKLMN",
    "amount_refunded": 0,
    "created_at": 1_790_000_000,
}


def test_what_was_returned_without_a_capture_took_no_money():
    assert answers.captures([SHOWN | {"status": "refunded"}])
    assert answers.captures([SHOWN | {"status": "refunded", "captured": False}]) == ()


@pytest.mark.parametrize(
    "change",
    [{"amount": 0}, {"amount": 1.5}, {"amount": "2500"}, {"amount": True}, {"currency": "inr"},
     {"status": "new"}, {"captured": 1}, {"id": "x"}, {"created_at": 10**30}, {"created_at": None},
     {"amount_refunded": None}],
)  # fmt: skip
def test_a_payment_of_another_shape_is_a_value_error(change):
    with pytest.raises((ValueError, TypeError)):
        answers.captures([SHOWN | change])


def test_a_second_authorization_beside_a_capture_is_not_captured_too():
    late = SHOWN | {"id": "pay_ZZZZZZZZZZZZZZ", "status": "authorized", "captured": False}
    found = answers.Found("order_ABCDEFGHIJKLMN", "R", "checkout", "", 2500, "INR", (late, SHOWN))
    assert found.authorized is None
    alone = answers.Found("order_ABCDEFGHIJKLMN", "R", "checkout", "", 2500, "INR", (late,))
    assert alone.authorized == late


@shows("razorpay", "tls")
@pytest.mark.parametrize("case", ["self-signed", "another host"])
def test_a_host_that_is_not_razorpay_is_no_answer(bank, tmp_path, monkeypatch, case):
    authority = Authority()
    if case == "another host":
        known = tmp_path / "authorities.pem"
        known.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
        monkeypatch.setattr("certifi.where", lambda: str(known))
    name = x509.DNSName("elsewhere.example") if case == "another host" else LOCALHOST
    with Puppet() as puppet:
        encrypt(puppet, authority.certify(tmp_path, name=name))
        gateway = gateway_of(bank, base_url=f"https://127.0.0.1:{puppet.port}")
        with pytest.raises(base.Unknown, match="Connect"):
            gateway.query(named(wish()))
        assert puppet.requests == 0


def test_a_gateway_without_secrets_is_never_built(bank):
    for missing in ({"webhook_secrets": ()}, {"webhook_secrets": ("",)}, {"key_secret": ""},
                    {"key_id": ""}, {"merchant": ""}):  # fmt: skip
        with pytest.raises(ValueError, match="secrets"):
            gateway_of(bank, **missing)


def test_no_secret_is_told_in_any_error(bank):
    keys = keys_of(bank)
    secrets = (keys["key_secret"], keys["webhook_secret"])
    told = []
    nowhere = gateway_of(bank, base_url="http://127.0.0.1:9")
    calls = [
        lambda: nowhere.query(named(wish())),
        lambda: gateway_of(bank, key_id="wrong").create(wish()),
        lambda: nowhere.statement(datetime.now(UTC).date()),
        lambda: nowhere.parse_notification(base.RawRequest("POST", "/", "", {}, b"{}")),
    ]
    for call in calls:
        with pytest.raises((base.Unknown, base.NotificationRefused)) as caught:
            call()
        told += [repr(caught.value), repr(caught.value.__cause__)]
    told.append(repr(nowhere))
    assert not [secret for secret in secrets if secret in str(told)]
