"""Alipay's notifications: RSA2 over every field but two, empty ones too; answered `success`."""

from __future__ import annotations

import random
from urllib.parse import parse_qsl, urlencode

import pytest

from payments.gateways import base
from payments.gateways.alipay import AlipayGateway
from simulator import keys
from simulator.alipay.signing import joined, signature
from tests.bank import Bank
from tests.gateways.alipay import gateway_of, giving_back, named, paid, wish
from tests.gateways.post import PostBox
from tests.gateways.rows import shows
from tests.simulator.ear import wait_for

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
FIELDS = {
    "notify_id": "2026112500222183000000001",
    "notify_type": "trade_status_sync",
    "app_id": "2021000000000042",
    "seller_id": "2088000000000001",
    "trade_no": "2026112522001400001",
    "out_trade_no": "REFERENCE1",
    "out_biz_no": "",
    "trade_status": "TRADE_SUCCESS",
    "total_amount": "25.00",
    "subject": "茶 & more=1+1",
    "body": "",
    "charset": "utf-8",
    "sign_type": "RSA2",
}


@pytest.fixture
def gateway(bank: Bank) -> AlipayGateway:
    return gateway_of(bank)


def delivered(bank: Bank, *, drop: str = "", **changes: str) -> base.RawRequest:
    """A delivery with the gateway's own signature."""
    told = {name: value for name, value in (FIELDS | changes).items() if name != drop}
    key = keys.rsa_key(bank.keys("alipay"), "gateway")
    signed = joined({name: told[name] for name in told if name != "sign_type"})
    return raw(urlencode(told | {"sign": signature(key, signed)}).encode())


def raw(body: bytes, **headers: str) -> base.RawRequest:
    return base.RawRequest("POST", "/webhooks/alipay/", "", FORM | headers, body)


def refusal(gateway: AlipayGateway, request: base.RawRequest) -> int:
    with pytest.raises(base.NotificationRefused) as refused:
        gateway.parse_notification(request)
    return refused.value.status


def test_a_genuine_notification_says_whom_it_is_about(bank, gateway):
    (hint,) = gateway.parse_notification(delivered(bank))
    assert hint == base.NotificationHint(
        FIELDS["notify_id"], "TRADE_SUCCESS", "REFERENCE1", gateway_id=FIELDS["trade_no"]
    )


def test_a_notification_of_a_refund_names_both_numbers(bank, gateway):
    told = {"out_biz_no": "REFUND0001", "refund_fee": "7.00", "gmt_refund": "2026-11-25 20:00:00"}
    (hint,) = gateway.parse_notification(delivered(bank, **told))
    assert (hint.reference, hint.refund_reference) == ("REFERENCE1", "REFUND0001")


@shows("alipay", "notice-forged")
def test_a_changed_notification_is_refused(bank, gateway):
    genuine = delivered(bank)
    fields = dict(parse_qsl(genuine.body.decode(), keep_blank_values=True))
    changes = [
        {"total_amount": "0.01"}, {"out_trade_no": "REFERENCE2"}, {"more": ""}, {"sign": ""},
        {"sign": fields["sign"][:-4] + "AAA="}, {"sign": fields["sign"] + "!"},
        {"sign_type": "RSA"}, {"sign_type": ""},
    ]  # fmt: skip
    for change in changes:
        assert refusal(gateway, raw(urlencode(fields | change).encode())) == 401
    emptied = {name: value for name, value in fields.items() if value}
    assert refusal(gateway, raw(urlencode(emptied).encode())) == 401
    assert refusal(gateway, raw(genuine.body + b"&app_id=2021000000000042")) == 400
    assert gateway.parse_notification(genuine)


@pytest.mark.parametrize(
    "foreign", [{"app_id": "2021000000000099"}, {"seller_id": "2088000000000099"}]
)
def test_a_notification_for_somebody_else_is_refused(bank, gateway, foreign):
    assert refusal(gateway, delivered(bank, **foreign)) == 401


@pytest.mark.parametrize(
    "wrong",
    [{"out_trade_no": "a b"}, {"out_trade_no": "A" * 41}, {"notify_id": ""},
     {"notify_id": "\0" * 9},
     {"trade_status": "paid"}, {"trade_no": "é" * 9}, {"drop": "out_trade_no"},
     {"drop": "notify_id"}, {"drop": "trade_no"}],
)  # fmt: skip
def test_a_genuine_but_malformed_notification_is_refused(bank, gateway, wrong):
    assert refusal(gateway, delivered(bank, **wrong)) == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"&", b"=", b"{}", b"a", b"a=%ff", b"\xff=1", "茶=1".encode(), b"a=1&a=2", b"%00=%00",
     b"a=1&" * 500, b"a=" + b"x" * 70_000, b"sign=&sign_type=RSA2", b"sign_type=RSA2&sign=%00"],
)  # fmt: skip
def test_noise_is_refused(gateway, body):
    assert refusal(gateway, raw(body)) in (400, 401)


def test_ten_thousand_spoilt_bytes_are_refused_without_another_exception(bank, gateway):
    dice, genuine = random.Random(7), delivered(bank).body
    for _ in range(500):
        spoilt = bytearray(genuine)
        for _ in range(20):
            spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        assert refusal(gateway, raw(bytes(spoilt))) in (400, 401)


def test_another_content_type_is_refused(bank, gateway):
    body = delivered(bank).body
    assert refusal(gateway, raw(body, **{"content-type": "application/json"})) == 415


@shows("alipay", "notice-twice")
def test_a_notification_comes_until_it_is_answered_success_and_keeps_its_id(bank, gateway):
    assert gateway.acknowledgement == base.Acknowledgement(200, "text/plain", b"success")
    with PostBox(gateway.acknowledgement) as box:
        box.answers = [
            base.Acknowledgement(body=b"ok"),
            base.Acknowledgement(body=b"success\n"),
            base.Acknowledgement(status=500, body=b"success"),
        ]
        payment = paid(bank, gateway, notify_url=box.url)
        heard = box.gets(4)
        wait_for(lambda: not any(row["waiting"] for row in bank.notifications()))
        assert len(heard) == 4
    hints = [gateway.parse_notification(request)[0] for request in heard]
    assert len({(hint.notification_id, hint.reference) for hint in hints}) == 1
    assert (hints[0].reference, hints[0].kind) == (payment.reference, "TRADE_SUCCESS")
    assert b"point_amount=&" in heard[0].body


@shows("alipay", "notice-order")
def test_whatever_comes_first_the_query_tells_the_truth(bank, gateway):
    with PostBox(gateway.acknowledgement) as box:
        bank.faults(reorder_notification=1, at_most=1)
        payment = paid(bank, gateway, notify_url=box.url)
        gateway.refund(giving_back(payment, 2500))
        first, second = (gateway.parse_notification(r)[0] for r in box.gets(2))
    assert (first.kind, second.kind) == ("refund.TRADE_CLOSED", "TRADE_SUCCESS")
    snapshot = gateway.query(payment)
    assert (snapshot.state, snapshot.captures[0].refunded_minor) == (base.State.CAPTURED, 2500)


def test_a_forged_notification_of_the_bank_is_refused(bank, gateway):
    with PostBox(gateway.acknowledgement) as box:
        bank.faults(bad_notification_signature=1)
        request = wish(notify_url=box.url)
        gateway.create(request)
        bank.pay(request.reference)
        assert refusal(gateway, box.gets(1)[0]) == 401
    assert gateway.query(named(request)).state is base.State.CAPTURED
