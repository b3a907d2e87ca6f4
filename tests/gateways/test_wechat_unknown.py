"""What is no answer of WeChat Pay's, and what is its final no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
from payments.gateways import wechat_answers as answers
from payments.gateways.wechat import WechatGateway
from simulator.wechat.signing import PUBLIC_KEY_ID, Platform
from tests.bank import Bank
from tests.gateways.rows import shows
from tests.gateways.strangers import ANSWERS, another_key, over_tls
from tests.gateways.wechat import api_v3_key, gateway_of, giving_back, named, paid, wish
from tests.payments.sandbox import Impostor

CALLS = ("create", "query", "close", "refund", "query_refund")
TROUBLES = ("lose_answer", "error_before", "error_after", "late_request", "bad_signature",
            "broken_answer")  # fmt: skip
#: Neither the answer to create (a code) nor to close (nothing) names anybody.
NAMING = {
    "wrong_merchant": ("query",),
    "wrong_reference": ("query", "refund", "query_refund"),
}
DISTURBED = [(knob, call) for knob in TROUBLES for call in CALLS]
DISTURBED += [(knob, call) for knob, calls in NAMING.items() for call in calls]


@pytest.fixture
def gateway(bank: Bank) -> WechatGateway:
    return gateway_of(bank)


@shows("wechat", "wrong-merchant")
@pytest.mark.parametrize(("knob", "call"), DISTURBED)
def test_a_disturbed_answer_is_unknown(bank, gateway, knob, call):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 100)
    gateway.refund(refund)
    request, open_one = wish(), wish()
    gateway.create(open_one)
    calls = {
        "create": lambda: gateway.create(request),
        "query": lambda: gateway.query(payment),
        "close": lambda: gateway.close(named(open_one)),
        "refund": lambda: gateway.refund(refund),
        "query_refund": lambda: gateway.query_refund(refund),
    }
    bank.faults(**{knob: 1})
    with pytest.raises(base.Unknown):
        calls[call]()
    bank.faults()
    calls[call]()
    assert bank.net(payment.reference) == 2400


@shows("wechat", "unknown")
def test_a_state_that_the_gateway_cannot_tell_is_unknown(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(unknown=1)
    with pytest.raises(base.Unknown, match="500"):
        gateway.query(payment)
    bank.faults(hold_status=1)
    assert gateway.query(payment).state is base.State.PENDING


def test_a_refused_create_or_refund_is_a_final_no(bank, gateway):
    bank.faults(refuse_create=1)
    with pytest.raises(base.Refused, match="RULE_LIMIT"):
        gateway.create(wish())
    past = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(base.Refused, match="PARAM_ERROR"):
        gateway.create(wish(created_at=past, expires_at=past))
    with pytest.raises(base.Refused, match="PARAM_ERROR"):
        gateway.create(wish(notify_url="http://127.0.0.1:9/webhooks/wechat/?shop=1"))
    bank.faults(refuse_refund=1)
    with pytest.raises(base.Refused, match="NOT_ENOUGH"):
        gateway.refund(giving_back(paid(bank, gateway), 100))


def test_a_number_that_means_another_order_is_no_final_no(gateway):
    request = wish()
    gateway.create(request)
    with pytest.raises(base.Unknown, match="OUT_TRADE_NO_USED"):
        gateway.create(wish(reference=request.reference, amount_minor=1))


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "SIGN_ERROR"), (400, "SOMETHING_NEW"), (404, ""), (403, "OPENID_MISMATCH"), (202, "x")],
)
def test_only_a_known_no_is_a_no(status, code):
    with pytest.raises(base.Unknown):
        answers.accepted(status, {"code": code})


def test_a_wrong_key_of_ours_is_no_final_no(bank):
    other = (bank.keys("alipay") / "app.pem").read_text()
    for wrong in ({"merchant_private_key": other}, {"merchant_serial": "00FF"}):
        with pytest.raises(base.Unknown, match="SIGN_ERROR"):
            gateway_of(bank, **wrong).create(wish())


@shows("wechat", "clock-skew")
@pytest.mark.parametrize("skew", [-301, 301, -3600, 3600])
def test_an_answer_signed_at_another_time_is_unknown(bank, gateway, skew):
    bank.faults(clock_skew=skew)
    with pytest.raises(base.Unknown):
        gateway.query(named(wish()))
    bank.faults(clock_skew=skew // abs(skew) * 240)
    assert gateway.query(named(wish())).state is base.State.NOT_FOUND


@pytest.mark.parametrize(
    ("age", "is_answer"), [(0, True), (240, True), (302, False), (-302, False)]
)
def test_a_genuine_answer_that_is_played_again_is_unknown(bank, age, is_answer):
    """Signed by the platform itself, and old: what somebody on the way could have kept."""
    headers = Platform(bank.keys("wechat")).headers(b"", PUBLIC_KEY_ID, skew=-age)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with Impostor(f"HTTP/1.1 204 No Content\r\n{lines}\r\n".encode()) as url:
        gateway = gateway_of(bank, base_url=url, read_seconds=1, certificates=False)
        if is_answer:
            assert gateway.close(named(wish())).answer is base.CloseAnswer.CLOSED
        else:
            with pytest.raises(base.Unknown, match="old"):
                gateway.close(named(wish()))


@shows("wechat", "busy")
@pytest.mark.parametrize("call", ["query", "close"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_from_somebody_else_is_unknown(bank, answer, call):
    with Impostor(answer) as url:
        stranger = gateway_of(bank, base_url=url, read_seconds=1, certificates=False)
        with pytest.raises(base.Unknown):
            getattr(stranger, call)(named(wish()))


@shows("wechat", "tls")
def test_a_certificate_that_nobody_signed_is_told_nothing(bank, tmp_path):
    with over_tls(tmp_path) as (url, stranger):
        with pytest.raises(base.Unknown, match="Connect"):
            gateway_of(bank, base_url=url).create(wish())
        assert stranger.requests == 0


@pytest.mark.parametrize(
    "missing", ["mchid", "appid", "merchant_serial", "merchant_private_key", "api_v3_keys"]
)
def test_a_gateway_without_keys_is_never_built(bank, missing):
    with pytest.raises(ValueError, match="needs"):
        gateway_of(bank, **{missing: ()})
    with pytest.raises(ValueError, match="needs"):
        gateway_of(bank, platform_public_keys={}, certificates=False)


@pytest.mark.parametrize(
    "wrong",
    [{"api_v3_keys": ("canary",)}, {"api_v3_keys": ("",)}, {"merchant_private_key": "canary"},
     {"platform_public_keys": {"PUB_KEY_ID_1": "canary"}}],
)  # fmt: skip
def test_a_key_that_is_none_is_refused_and_not_shown(bank, wrong):
    with pytest.raises(ValueError, match=r"32 bytes|2048") as refused:
        gateway_of(bank, **wrong)
    assert "canary" not in str(refused.value)


def test_no_trouble_shows_a_key(bank, gateway):
    canaries = [api_v3_key(bank), (bank.keys("wechat") / "merchant.pem").read_text().split()[9]]
    told = [repr(gateway)]
    for knob in ("error_before", "bad_signature", "broken_answer", "lose_answer"):
        bank.faults(**{knob: 1})
        with pytest.raises(base.Unknown) as trouble:
            gateway.query(named(wish()))
        told.append(repr(trouble.value) + repr(trouble.value.__cause__))
    assert not any(canary in "".join(told) for canary in canaries)


def test_a_stranger_who_learns_our_number_cannot_sign(bank):
    gateway = gateway_of(
        bank, platform_public_keys={"PUB_KEY_ID_1": another_key()}, certificates=False
    )
    with pytest.raises(base.Unknown, match="signature"):
        gateway.create(wish())
