"""The UnionPay adapter of a test's bank, the browser that posts its form, and what is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from payments.gateways import base
from payments.gateways.unionpay import UnionpayGateway
from tests.bank import Bank
from tests.simulator.merchant import new_reference

MERCHANT = "777000000000001"


def gateway_of(bank: Bank, **changes: Any) -> UnionpayGateway:
    place = bank.keys("unionpay")
    told: dict[str, Any] = {
        "base_url": f"{bank.url}/unionpay/gateway/api",
        "public_url": f"{bank.url}/unionpay/gateway/api",
        "files_url": f"{bank.url}/unionpay/files",
        "merchant": MERCHANT,
        "certificate": (place / "merchant.p12").read_bytes(),
        "certificate_password": password_of(bank),
        "middle_certificates": (place / "middle.certificate.pem").read_text(),
        "root_certificates": (place / "root.certificate.pem").read_text(),
    }
    return UnionpayGateway(**(told | changes))


def password_of(bank: Bank) -> str:
    told: dict[str, str] = json.loads((bank.keys("unionpay") / "secrets.json").read_text())
    return told["certificate_password"]


def wish(method: str = "qr", **changes: Any) -> base.CreateRequest:
    now = changes.pop("now", datetime.now(UTC))
    fields: dict[str, Any] = {
        "reference": new_reference(),
        "order_reference": "PO-1042",
        "method": method,
        "amount_minor": 2500,
        "currency": "CNY",
        "subject": "Order 1042",
        "created_at": now,
        "expires_at": now + timedelta(minutes=15),
        "notify_url": "http://127.0.0.1:9/webhooks/unionpay/",
        "return_url": "http://127.0.0.1:8000/orders/abc/",
        "locale": "en",
    }
    return base.CreateRequest(**(fields | changes))


def named(request: base.CreateRequest, transaction_id: str = "") -> base.PaymentRef:
    return base.PaymentRef(
        request.reference, request.method, request.created_at,
        transaction_id=transaction_id, request=request,
    )  # fmt: skip


def opened(gateway: UnionpayGateway, method: str = "qr", **changes: Any) -> base.CreateRequest:
    """A payment that UnionPay knows: the code was made, or the browser brought the form."""
    request = wish(method, **changes)
    snapshot = gateway.create(request)
    if method == "web":
        assert browse(snapshot).status_code == 303
    return request


def browse(snapshot: base.Snapshot) -> httpx.Response:
    """The shopper's browser posts the form that the shop's page shows."""
    assert snapshot.presentation is not None
    content = snapshot.presentation.content
    headers = {"Sec-Fetch-Site": "cross-site"}
    return httpx.post(content["url"], data=content["fields"], headers=headers, trust_env=False)


def paid(bank: Bank, gateway: UnionpayGateway, method: str = "qr") -> base.PaymentRef:
    request = opened(gateway, method)
    assert bank.pay(request.reference).status_code == 200
    capture = gateway.query(named(request)).captures[0]
    return named(request, capture.transaction_id)


def giving_back(payment: base.PaymentRef, amount_minor: int, **changes: Any) -> base.RefundRequest:
    fields: dict[str, Any] = {
        "reference": new_reference(),
        "payment": payment,
        "amount_minor": amount_minor,
        "currency": "CNY",
        "reason": "sent back",
        "created_at": datetime.now(UTC),
    }
    return base.RefundRequest(**(fields | changes))
