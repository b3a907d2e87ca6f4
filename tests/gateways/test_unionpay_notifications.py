"""The UnionPay adapter reads notifications: genuine and well formed, or refused."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways import base
from payments.gateways.unionpay_answers import parse_answer, parse_form
from tests.bank import Bank
from tests.gateways.listener import Listener
from tests.gateways.rows import shows
from tests.gateways.test_unionpay_trust import GENUINE, MIDDLE, ROOT, TOLD
from tests.gateways.unionpay import gateway_of, giving_back, named, opened
from tests.gateways.unionpay_by_hand import UNIONPAY, Issuer
from tests.simulator.ear import wait_for


def receiver(bank: Bank, **changes: object):
    return gateway_of(bank, middle_certificates=MIDDLE.pem, root_certificates=ROOT.pem, **changes)


def delivered(fields: dict[str, str], query: str = "", **headers: str) -> base.RawRequest:
    told = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"} | headers
    return base.RawRequest("POST", "/webhooks/unionpay/", query, told, urlencode(fields).encode())


GENUINE_SIGNED = GENUINE.signed(TOLD)


def refusal(gateway, request: base.RawRequest) -> int:
    with pytest.raises(base.NotificationRefused) as refused:
        gateway.parse_notification(request)
    return refused.value.status


@shows("unionpay", "notice-twice")
def test_a_notification_says_whom_it_is_about_by_the_same_name_each_time(bank):
    gateway = receiver(bank)
    request = delivered(GENUINE.signed(TOLD))
    (hint,) = gateway.parse_notification(request)
    assert hint == base.NotificationHint(
        "01-442401051450467846498-00", "payment.paid", "ABCDEF0123456789"
    )
    assert gateway.parse_notification(request) == [hint]
    # UnionPay removes a query from the address before it signs: only the body counts.
    again = delivered(GENUINE.signed(TOLD), query="respCode=01")
    assert gateway.parse_notification(again) == [hint]
    heard = gateway.acknowledgement
    assert heard.status == 200


def test_a_notification_of_a_refund_names_both(bank):
    told = TOLD | {"txnType": "04", "reqReserved": base64.b64encode(b"PAYMENT1234").decode()}
    (hint,) = receiver(bank).parse_notification(delivered(GENUINE.signed(told)))
    assert (hint.kind, hint.reference, hint.refund_reference) == (
        "refund.changed", "PAYMENT1234", "ABCDEF0123456789",
    )  # fmt: skip


@shows("unionpay", "notice-forged", "wrong-merchant")
def test_what_is_not_a_genuine_notification_is_refused(bank):
    gateway = receiver(bank)
    assert refusal(gateway, delivered(GENUINE.signed(TOLD | {"merId": "777000000000002"}))) == 401
    assert refusal(gateway, delivered(Issuer(UNIONPAY).signed(TOLD))) == 401
    assert refusal(gateway, delivered(TOLD)) == 401
    assert refusal(gateway, delivered({})) == 400
    assert refusal(gateway, delivered(GENUINE.signed(TOLD | {"txnType": "76"}))) == 400
    assert refusal(gateway, delivered(GENUINE.signed(TOLD | {"queryId": "x"}))) == 400
    json_like = delivered(GENUINE.signed(TOLD), **{"content-type": "application/json"})
    assert refusal(gateway, json_like) == 415
    signed = delivered(GENUINE.signed(TOLD))
    twice = base.RawRequest("POST", "/", "", signed.headers, signed.body + b"&respCode=01")
    assert refusal(gateway, twice) == 400
    large = base.RawRequest("POST", "/", "", signed.headers, signed.body + b"&a=" + b"a" * 65_536)
    assert refusal(gateway, large) == 400


def test_plus_and_equals_of_base64_survive_both_forms():
    value = "a+b/c=="
    assert parse_form(urlencode({"x": value, "y": ""}).encode()) == {"x": value, "y": ""}
    assert parse_answer(b"x=a+b/c==&y=&z={k=v&l=w}&m=%2B") == {
        "x": value, "y": "", "z": "{k=v&l=w}", "m": "%2B",
    }  # fmt: skip


@given(st.binary(max_size=400))
def test_noise_is_refused_without_an_exception(noise):
    for body in (noise, urlencode(GENUINE_SIGNED | {"respMsg": noise.hex()}).encode()):
        request = base.RawRequest("POST", "/", "", {}, body)
        with pytest.raises(base.NotificationRefused):
            RECEIVER.parse_notification(request)


@pytest.fixture(autouse=True, scope="module")
def one_receiver(bank_process: Bank) -> None:
    global RECEIVER
    RECEIVER = receiver(bank_process)


RECEIVER: base.Gateway


@shows("unionpay", "notice-twice", "notice-order", "notice-forged")
def test_notifications_come_until_they_are_acknowledged_and_only_the_genuine_are_heard(bank):
    gateway = gateway_of(bank)
    with Listener() as listener:
        listener.answers = [500, 200, 302, 200]
        bank.faults(duplicate_notification=1)
        request = opened(gateway, notify_url=listener.url)
        bank.pay(request.reference)
        payment = named(request, gateway.query(named(request)).captures[0].transaction_id)
        # Held back: the refund's notification could come before the payment's.
        refund = giving_back(payment, 100)
        gateway.refund(refund)
        wait_for(lambda: len(listener.heard) >= 5)
        hints = [gateway.parse_notification(raw(*heard))[0] for heard in listener.heard]
        assert {(hint.kind, hint.reference) for hint in hints} == {
            ("payment.paid", request.reference), ("refund.changed", request.reference),
        }  # fmt: skip
        assert len({hint.notification_id for hint in hints}) == 2
        assert gateway.query(payment).state is base.State.CAPTURED
        bank.faults(bad_notification_signature=1)
        count = len(listener.heard)
        other = opened(gateway, notify_url=listener.url)
        bank.pay(other.reference)
        wait_for(lambda: len(listener.heard) > count)
        assert refusal(gateway, raw(*listener.heard[-1])) == 401


def raw(headers: dict[str, str], body: bytes) -> base.RawRequest:
    return base.RawRequest("POST", "/webhooks/unionpay/", "", headers, body)
