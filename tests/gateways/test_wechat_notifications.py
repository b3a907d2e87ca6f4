"""WeChat Pay's notifications: signed over the raw bytes, sealed by AES-GCM, answered 204."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.gateways import base
from payments.gateways.wechat import WechatGateway
from simulator.wechat.signing import MCHID, PROBE, PUBLIC_KEY_ID, Platform
from tests.bank import Bank
from tests.gateways.post import PostBox
from tests.gateways.rows import shows
from tests.gateways.wechat import gateway_of, giving_back, named, paid, signs_with, wish
from tests.simulator.ear import wait_for

TOLD = {"mchid": MCHID, "out_trade_no": "REFERENCE1", "trade_state": "SUCCESS"}
EVENT = {"id": "EV-2018022511223320873", "event_type": "TRANSACTION.SUCCESS"}


@pytest.fixture
def gateway(bank: Bank) -> WechatGateway:
    """It believes the public key alone, so that nothing is asked of the bank."""
    return gateway_of(bank, certificates=False)


def delivered(
    bank: Bank, *, skew: float = 0, told: Any = None, resource: Any = None, **event: Any
) -> base.RawRequest:
    """A delivery with the platform's own signature and seal."""
    platform = Platform(bank.keys("wechat"))
    inner = json.dumps({**TOLD, **(told or {})}).encode()
    sealed = platform.sealed(inner, "transaction")
    body = json.dumps({**EVENT, "resource": sealed | (resource or {}), **event}).encode()
    return signed(platform, body, skew=skew)


def signed(platform: Platform, body: bytes, *, skew: float = 0) -> base.RawRequest:
    headers = platform.headers(body, PUBLIC_KEY_ID, skew=skew)
    lower = {name.lower(): value for name, value in headers.items()}
    return base.RawRequest("POST", "/", "", {"content-type": "application/json"} | lower, body)


def refusal(gateway: WechatGateway, request: base.RawRequest) -> int:
    with pytest.raises(base.NotificationRefused) as refused:
        gateway.parse_notification(request)
    return refused.value.status


def test_a_genuine_notification_says_whom_it_is_about(bank, gateway):
    (hint,) = gateway.parse_notification(delivered(bank))
    assert hint == base.NotificationHint(EVENT["id"], "TRANSACTION.SUCCESS", "REFERENCE1")


@pytest.mark.parametrize("kind", ["REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"])
def test_a_notification_of_a_refund_names_both_numbers(bank, gateway, kind):
    request = delivered(bank, told={"out_refund_no": "REFUND0001"}, event_type=kind)
    (hint,) = gateway.parse_notification(request)
    assert (hint.kind, hint.reference, hint.refund_reference) == (kind, "REFERENCE1", "REFUND0001")


@shows("wechat", "notice-forged")
def test_a_changed_notification_is_refused(bank, gateway):
    genuine = delivered(bank)
    recoded = json.dumps(json.loads(genuine.body), indent=1).encode()
    assert refusal(gateway, replace(genuine, body=recoded)) == 401
    assert refusal(gateway, replace(genuine, body=b"")) == 401
    for name in ("serial", "timestamp", "nonce", "signature"):
        header = f"wechatpay-{name}"
        for value in ("", "x", "0", "é", genuine.headers[header] + "0"):
            changed = replace(genuine, headers={**genuine.headers, header: value})
            assert refusal(gateway, changed) == 401
    scheme = {**genuine.headers, "wechatpay-signature-type": "WECHATPAY2-SHA1-RSA2048"}
    assert refusal(gateway, replace(genuine, headers=scheme)) == 401
    assert gateway.parse_notification(genuine)


def test_the_gateways_probes_are_refused(bank, gateway):
    genuine = delivered(bank)
    good = genuine.headers["wechatpay-signature"]
    for probe in (PROBE + good, PROBE + "A" * 344, PROBE):
        headers = {**genuine.headers, "wechatpay-signature": probe}
        assert refusal(gateway, replace(genuine, headers=headers)) == 401


@shows("wechat", "notice-stale")
@pytest.mark.parametrize("skew", [-302, 302, -86_400, 86_400])
def test_a_stale_or_future_notification_is_refused(bank, gateway, skew):
    assert refusal(gateway, delivered(bank, skew=skew)) == 400


@pytest.mark.parametrize("skew", [-240, 240])
def test_a_clock_may_be_five_minutes_away(bank, gateway, skew):
    assert gateway.parse_notification(delivered(bank, skew=skew))


def test_a_replay_grows_stale(bank):
    request = delivered(bank)
    later = datetime.now(UTC) + timedelta(seconds=302)
    assert refusal(gateway_of(bank, certificates=False, clock=lambda: later), request) == 400


def test_a_notification_for_another_merchant_is_refused(bank, gateway):
    assert refusal(gateway, delivered(bank, told={"mchid": "1900000009"})) == 401


@pytest.mark.parametrize(
    "wrong",
    [{"told": {"out_trade_no": "a b"}}, {"told": {"out_trade_no": None}}, {"id": ""}, {"id": 7},
     {"event_type": "paid"}, {"event_type": "REFUND.SUCCESS"}, {"resource": {"nonce": "short"}},
     {"resource": {"ciphertext": "AAAA"}}, {"resource": {"ciphertext": "!"}},
     {"resource": {"associated_data": "refund"}}, {"resource": {"associated_data": None}},
     {"resource": {"algorithm": "AEAD_SM4_GCM"}}, {"resource": {"nonce": "é" * 12}}],
)  # fmt: skip
def test_a_genuine_but_malformed_notification_is_refused(bank, gateway, wrong):
    assert refusal(gateway, delivered(bank, **wrong)) == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"[" * 60_000, b'{"resource": NaN}', b"\xff", b"{}",
     b'{"resource": []}', b'{"resource": {}}', b'{"resource": "x"}', b" " * 70_000],
)  # fmt: skip
def test_noise_is_refused_even_when_it_is_signed(bank, gateway, body):
    assert refusal(gateway, signed(Platform(bank.keys("wechat")), body)) == 400


def test_ten_thousand_spoilt_bytes_are_refused_without_another_exception(bank, gateway):
    dice, genuine = random.Random(7), delivered(bank)
    for _ in range(500):
        spoilt = bytearray(genuine.body)
        for _ in range(20):
            spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        assert refusal(gateway, replace(genuine, body=bytes(spoilt))) == 401


def test_another_content_type_is_refused(bank, gateway):
    genuine = delivered(bank)
    headers = {**genuine.headers, "content-type": "application/x-www-form-urlencoded"}
    assert refusal(gateway, replace(genuine, headers=headers)) == 415


@shows("wechat", "notice-twice")
def test_a_notification_comes_until_it_is_acknowledged_and_keeps_its_id(bank, gateway):
    assert gateway.acknowledgement == base.Acknowledgement(204, "", b"")
    signs_with(bank, "public")
    with PostBox(gateway.acknowledgement) as box:
        box.answers = [base.Acknowledgement(500, "application/json", b'{"code":"FAIL"}')] * 2
        payment = paid(bank, gateway, notify_url=box.url)
        heard = box.gets(3)
        wait_for(lambda: not any(row["waiting"] for row in bank.notifications()))
        assert len(heard) == 3
    signs_with(bank, "first")
    hints = [gateway.parse_notification(request)[0] for request in heard]
    assert len({(hint.notification_id, hint.reference) for hint in hints}) == 1
    assert hints[0].reference == payment.reference


@shows("wechat", "notice-order")
def test_whatever_comes_first_the_query_tells_the_truth(bank, gateway):
    signs_with(bank, "public")
    with PostBox(gateway.acknowledgement) as box:
        bank.faults(reorder_notification=1, at_most=1)
        payment = paid(bank, gateway, notify_url=box.url)
        gateway.refund(giving_back(payment, 2500))
        first, second = (gateway.parse_notification(r)[0] for r in box.gets(2))
    signs_with(bank, "first")
    assert (first.kind, second.kind) == ("REFUND.SUCCESS", "TRANSACTION.SUCCESS")
    assert gateway.query(payment).state is base.State.CAPTURED


def test_a_probe_of_the_bank_is_refused(bank, gateway):
    signs_with(bank, "public")
    with PostBox(base.Acknowledgement(401, "application/json", b'{"code":"FAIL"}')) as box:
        bank.faults(bad_notification_signature=1)
        request = wish(notify_url=box.url)
        gateway.create(request)
        bank.pay(request.reference)
        assert refusal(gateway, box.gets(1)[0]) == 401
    signs_with(bank, "first")
    assert gateway.query(named(request)).state is base.State.CAPTURED
