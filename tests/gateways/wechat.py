"""The WeChat Pay adapter of a test's bank, and what it is asked to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways.wechat import WechatGateway
from simulator.wechat.signing import APPID, MCHID, MERCHANT_SERIAL, PUBLIC_KEY_ID
from tests.bank import Bank
from tests.payments import sandbox
from tests.simulator.merchant import new_reference

PENDING, CAPTURED, CLOSED = base.State.PENDING, base.State.CAPTURED, base.State.CLOSED


def api_v3_key(bank: Bank) -> str:
    secrets: dict[str, str] = json.loads((bank.keys("wechat") / "secrets.json").read_text())
    return secrets["api_v3_key"]


def gateway_of(bank: Bank, **changes: Any) -> WechatGateway:
    """In public-key mode; with `platform_public_keys={}` in certificate mode."""
    keys = bank.keys("wechat")
    settings: dict[str, Any] = {
        "base_url": f"{bank.url}/wechat",
        "mchid": MCHID,
        "appid": APPID,
        "merchant_serial": MERCHANT_SERIAL,
        "merchant_private_key": (keys / "merchant.pem").read_text(),
        "api_v3_keys": (api_v3_key(bank),),
        "platform_public_keys": {PUBLIC_KEY_ID: (keys / "platform.public.pem").read_text()},
    }
    return WechatGateway(**(settings | changes))


def wish(**changes: Any) -> base.CreateRequest:
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"created_at": now, "expires_at": now + timedelta(minutes=15)}
    return sandbox.wish("qr", **({"currency": "CNY", "locale": "zh-hans"} | times | changes))


def named(request: base.CreateRequest, transaction_id: str = "") -> base.PaymentRef:
    return base.PaymentRef(
        request.reference,
        request.method,
        request.created_at,
        transaction_id=transaction_id,
        request=request,
    )


def paid(bank: Bank, gateway: WechatGateway, **changes: Any) -> base.PaymentRef:
    request = wish(**changes)
    gateway.create(request)
    assert bank.pay(request.reference).status_code == 200
    return named(request, gateway.query(named(request)).captures[0].transaction_id)


def giving_back(payment: base.PaymentRef, amount_minor: int, **changes: Any) -> base.RefundRequest:
    fields: dict[str, Any] = {
        "reference": new_reference(),
        "payment": payment,
        "amount_minor": amount_minor,
        "currency": "CNY",
        "reason": "sent back",
        "created_at": datetime.now(UTC),
        "captured_minor": 2500,
    }
    return base.RefundRequest(**(fields | changes))


def signs_with(bank: Bank, name: str) -> None:
    assert bank.client.put(f"/wechat/signs-with/{name}").status_code == 200
