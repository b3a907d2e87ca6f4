"""A shop at the simulated PayPal: the adapter, and what it is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways.paypal import PayPalGateway
from simulator.paypal.account import CERTIFICATE_HOST, CERTIFICATE_NAME
from tests.bank import Bank
from tests.payments import sandbox
from tests.simulator.merchant import new_reference


def secrets_of(bank: Bank) -> dict[str, str]:
    told: dict[str, str] = json.loads((bank.keys("paypal") / "secrets.json").read_text())
    return told


def settings_of(bank: Bank) -> dict[str, Any]:
    keys = secrets_of(bank)
    return {
        "base_url": f"{bank.url}/paypal",
        "client_id": keys["client_id"],
        "client_secret": keys["client_secret"],
        "merchant_id": keys["merchant_id"].upper(),
        "webhook_id": keys["webhook_id"].upper(),
        "trust_anchor_file": str(bank.keys("paypal") / "anchor.pem"),
        "certificate_name": CERTIFICATE_NAME,
        "certificate_hosts": {CERTIFICATE_HOST: f"{bank.url}/paypal"},
    }


def gateway_of(bank: Bank, **changes: Any) -> PayPalGateway:
    return PayPalGateway(**(settings_of(bank) | changes))


def wish(**changes: Any) -> base.CreateRequest:
    created_at = changes.get("created_at", datetime.now(UTC))
    fields = {"created_at": created_at, "expires_at": created_at + timedelta(hours=1)}
    return sandbox.wish("redirect", **(fields | changes))


def named(
    request: base.CreateRequest, made: base.Snapshot | None = None, **more: Any
) -> base.PaymentRef:
    ref = base.PaymentRef(request.reference, "redirect", request.created_at, request=request)
    return replace(ref, **({"gateway_id": made.gateway_id if made else ""} | more))


def agreed(bank: Bank, gateway: PayPalGateway, **changes: Any) -> base.PaymentRef:
    """The shopper has been at PayPal and agreed; no money has moved."""
    request = wish(**changes)
    made = gateway.create(request)
    assert bank.pay(request.reference).status_code == 200
    return named(request, made, capture_sent=True)


def paid(bank: Bank, gateway: PayPalGateway, **changes: Any) -> base.PaymentRef:
    payment = agreed(bank, gateway, **changes)
    capture = gateway.capture(payment, new_reference()).captures[0]
    return replace(payment, transaction_id=capture.transaction_id)


def giving_back(payment: base.PaymentRef, amount_minor: int, **changes: Any) -> base.RefundRequest:
    fields: dict[str, Any] = {
        "reference": new_reference(),
        "payment": payment,
        "amount_minor": amount_minor,
        "currency": "EUR",
        "reason": "sent back",
        "created_at": datetime.now(UTC),
    }
    return base.RefundRequest(**(fields | changes))
