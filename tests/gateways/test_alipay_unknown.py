"""What is no answer of Alipay's, and what is its final no."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from payments.gateways import alipay_answers as answers
from payments.gateways import base
from payments.gateways.alipay import AlipayGateway
from simulator import keys
from simulator.alipay.signing import signature
from tests.bank import Bank
from tests.gateways.alipay import gateway_of, giving_back, named, paid, scanned, wish
from tests.gateways.rows import shows
from tests.gateways.strangers import ANSWERS, another_key, over_tls
from tests.payments.sandbox import Impostor


@pytest.fixture
def gateway(bank: Bank) -> AlipayGateway:
    return gateway_of(bank)


@shows("alipay", "wrong-merchant")
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
    open_one = scanned(bank, gateway, wish())
    calls = {
        "create": lambda: gateway.create(request),
        "query": lambda: gateway.query(payment),
        "close": lambda: gateway.close(open_one),
        "refund": lambda: gateway.refund(refund),
        "query_refund": lambda: gateway.query_refund(refund),
    }
    bank.faults(**{knob: 1})
    with pytest.raises(base.Unknown):
        calls[call]()
    bank.faults()
    calls[call]()
    assert bank.net(payment.reference) == 2400


@shows("alipay", "unknown")
def test_a_state_that_the_gateway_cannot_tell_is_unknown(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(unknown=1)
    with pytest.raises(base.Unknown, match="SYSTEM_ERROR"):
        gateway.query(payment)


def test_a_status_that_lags_is_pending_and_a_paid_trade_that_vanishes_too(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(hold_status=1)
    assert gateway.query(payment).state is base.State.PENDING
    bank.faults(not_found=1)
    assert gateway.query(payment).state is base.State.PENDING


def test_a_refused_create_is_a_final_no(bank, gateway):
    bank.faults(refuse_create=1)
    with pytest.raises(base.Refused, match="ACCESS_FORBIDDEN"):
        gateway.create(wish())
    past = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(base.Refused, match="INVALID_PARAMETER"):
        gateway.create(wish(created_at=past, expires_at=past))
    bank.faults(refuse_refund=1)
    with pytest.raises(base.Refused, match="SELLER_BALANCE"):
        gateway.refund(giving_back(paid(bank, gateway), 100))


def test_a_number_that_means_another_trade_is_no_final_no(gateway):
    request = wish()
    gateway.create(request)
    with pytest.raises(base.Unknown, match="CONTEXT_INCONSISTENT"):
        gateway.create(wish(reference=request.reference, amount_minor=1))


@pytest.mark.parametrize(
    ("code", "sub_code"),
    [("20000", "isp.unknow-error"), ("40002", "isv.invalid-signature"), ("10003", ""),
     ("40004", "ACQ.SYSTEM_ERROR"), ("40004", "ACQ.SOMETHING_NEW"), ("40004", "")],
)  # fmt: skip
def test_only_a_known_no_is_a_no(code, sub_code):
    with pytest.raises(base.Unknown):
        answers.accepted({"code": code, "sub_code": sub_code})


@pytest.mark.parametrize(
    ("more", "transaction_id", "state"),
    [("", "", base.State.CLOSED), ("", "2026112522001400001", None),
     (', "send_pay_date" : "2026-11-25 20:00:00"', "2026112522001400001", base.State.CAPTURED)],
    ids=["never paid", "known as paid, without a date", "paid and sent back"],
)  # fmt: skip
def test_a_closed_trade_that_we_know_as_paid_is_never_unpaid(bank, more, transaction_id, state):
    inner = (
        '{ "code":"10000", "msg" : "茶 }", "trade_no":"2026112522001400001", '
        f'"out_trade_no":"REFERENCE1", "trade_status":"TRADE_CLOSED", '
        f'"total_amount":"25.00"{more}}}'
    ).encode()
    key = keys.rsa_key(bank.keys("alipay"), "gateway")
    told = b'{"alipay_trade_query_response": %b, "sign":"%b"}' % (
        inner, signature(key, inner).encode(),
    )  # fmt: skip
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(told)}\r\n\r\n".encode()
    payment = replace(named(wish(reference="REFERENCE1")), transaction_id=transaction_id)
    with Impostor(head + told) as url:
        gateway = gateway_of(bank, base_url=url, read_seconds=1)
        if state is None:
            with pytest.raises(base.Unknown, match="no word of the payment"):
                gateway.query(payment)
        else:
            assert gateway.query(payment).state is state


@shows("alipay", "rotation")
def test_while_the_gateways_key_changes_old_and_new_are_believed(bank):
    genuine = (bank.keys("alipay") / "gateway.public.pem").read_text()
    bare = "".join(genuine.split("\n")[1:-2])
    for believed in ((another_key(), genuine), (genuine, another_key()), (bare,)):
        gateway = gateway_of(bank, gateway_public_keys=believed)
        assert gateway.create(wish()).state is base.State.PENDING
    with pytest.raises(base.Unknown, match="signature"):
        gateway_of(bank, gateway_public_keys=(another_key(),)).create(wish())


def test_a_wrong_app_or_key_is_no_final_no(bank):
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    for wrong in ({"app_private_key": own.decode()}, {"app_id": "2021000000000099"}):
        with pytest.raises(base.Unknown, match="40002 isv"):
            gateway_of(bank, **wrong).create(wish())


@shows("alipay", "clock-skew")
def test_a_clock_that_is_off_is_of_no_matter_or_refused_and_never_a_no(bank, gateway):
    bank.faults(clock_skew=600)
    assert gateway.create(wish()).state is base.State.PENDING
    bank.faults(clock_skew=3600)
    with pytest.raises(base.Unknown, match="timestamp"):
        gateway.create(wish())


def test_the_clock_is_that_of_china_wherever_the_host_stands(bank):
    for hours in (-8, 0, 9):
        zone = timezone(timedelta(hours=hours))
        gateway = gateway_of(bank, clock=lambda zone=zone: datetime.now(zone))
        assert gateway.create(wish()).state is base.State.PENDING


@shows("alipay", "busy")
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_from_somebody_else_is_unknown(bank, answer):
    with Impostor(answer) as url, pytest.raises(base.Unknown):
        gateway_of(bank, base_url=url, read_seconds=1).query(named(wish()))


@shows("alipay", "tls")
def test_a_certificate_that_nobody_signed_is_told_nothing(bank, tmp_path):
    with over_tls(tmp_path) as (url, stranger):
        with pytest.raises(base.Unknown, match="Connect"):
            gateway_of(bank, base_url=url).create(wish())
        assert stranger.requests == 0


@pytest.mark.parametrize(
    "missing",
    ["app_id", "seller_id", "app_private_key", "gateway_public_keys"],
)
def test_a_gateway_without_keys_is_never_built(bank, missing):
    with pytest.raises(ValueError, match="needs"):
        gateway_of(bank, **{missing: ()})


@pytest.mark.parametrize(
    "wrong",
    [{"app_private_key": "canary-key"}, {"gateway_public_keys": ("canary-key",)},
     {"gateway_public_keys": ("",)}],
)  # fmt: skip
def test_a_key_that_is_none_is_refused_and_not_shown(bank, wrong):
    with pytest.raises(ValueError, match="2048") as refused:
        gateway_of(bank, **wrong)
    assert "canary" not in str(refused.value)


def test_no_trouble_shows_a_key(bank, gateway):
    body = (bank.keys("alipay") / "app.pem").read_text().split("\n")[5]
    troubles = []
    for knob in ("error_before", "bad_signature", "broken_answer", "lose_answer"):
        bank.faults(**{knob: 1})
        with pytest.raises(base.Unknown) as trouble:
            gateway.query(named(wish()))
        troubles.append(repr(trouble.value) + repr(trouble.value.__cause__))
    assert body not in repr(gateway) + "".join(troubles) + repr(vars(gateway))
