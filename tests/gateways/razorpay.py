"""The Razorpay adapter of a test's bank, and what is asked of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways.razorpay import RazorpayGateway
from tests.bank import Bank
from tests.simulator.merchant import new_reference

ACCOUNT = "acc_PayonceSimula1"


def keys_of(bank: Bank) -> dict[str, str]:
    told: dict[str, str] = json.loads((bank.keys("razorpay") / "secrets.json").read_text())
    return told


def gateway_of(bank: Bank, **changes: Any) -> RazorpayGateway:
    keys = keys_of(bank)
    told: dict[str, Any] = {
        "base_url": f"{bank.url}/razorpay",
        "merchant": ACCOUNT,
        "key_id": f"rzp_test_{keys['key_id']}",
        "key_secret": keys["key_secret"],
        "webhook_secrets": (keys["webhook_secret"],),
        "currencies": ("INR", "JPY", "KWD"),
        "frame_url": f"{bank.url}/razorpay/checkout/{{client_token}}",
        "frame_origins": (bank.url,),
    }
    return RazorpayGateway(**(told | changes))


def tell_webhook(bank: Bank, url: str) -> None:
    """As the merchant does in the dashboard."""
    keys = keys_of(bank)
    auth = (f"rzp_test_{keys['key_id']}", keys["key_secret"])
    told = bank.client.post("/razorpay/v1/webhooks", json={"url": url}, auth=auth)
    assert told.status_code == 200, told.text


def wish(method: str = "checkout", **changes: Any) -> base.CreateRequest:
    now = changes.pop("now", datetime.now(UTC))
    fields: dict[str, Any] = {
        "reference": new_reference(),
        "order_reference": "PO-1042",
        "method": method,
        "amount_minor": 2500,
        "currency": "INR",
        "subject": "Order 1042",
        "created_at": now,
        "expires_at": now + timedelta(minutes=20),
        "notify_url": "http://127.0.0.1:9/webhooks/razorpay/",
        "return_url": "http://127.0.0.1:8000/orders/abc/",
        "locale": "en",
    }
    return base.CreateRequest(**(fields | changes))


def named(
    request: base.CreateRequest, transaction_id: str = "", *, capture_sent: bool = False
) -> base.PaymentRef:
    return base.PaymentRef(
        request.reference, request.method, request.created_at,
        transaction_id=transaction_id, request=request, capture_sent=capture_sent,
    )  # fmt: skip


def opened(gateway: RazorpayGateway, method: str = "checkout", **changes: Any) -> base.PaymentRef:
    request = wish(method, **changes)
    gateway.create(request)
    return named(request)


def authorized(bank: Bank, gateway: RazorpayGateway, **changes: Any) -> base.PaymentRef:
    payment = opened(gateway, **changes)
    assert bank.pay(payment.reference).status_code == 200
    return payment


def paid(bank: Bank, gateway: RazorpayGateway, method: str = "checkout") -> base.PaymentRef:
    payment = opened(gateway, method)
    assert bank.pay(payment.reference).status_code == 200
    if method == "checkout":
        gateway.capture(payment, "key-of-a-capture")
    capture = gateway.query(payment).captures[0]
    assert payment.request is not None
    return named(payment.request, capture.transaction_id)


def giving_back(payment: base.PaymentRef, amount_minor: int, **changes: Any) -> base.RefundRequest:
    fields: dict[str, Any] = {
        "reference": new_reference(),
        "payment": payment,
        "amount_minor": amount_minor,
        "currency": "INR",
        "reason": "sent back",
        "created_at": datetime.now(UTC),
    }
    return base.RefundRequest(**(fields | changes))
