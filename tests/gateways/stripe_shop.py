"""A shop at the simulated Stripe: the adapter, what it is asked, and its webhook door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways.stripe import StripeGateway
from tests.bank import Bank
from tests.payments import sandbox
from tests.simulator.merchant import new_reference

PAYER = {"tax_id": "000.000.000-00", "name": "Ada Lovelace"}
MINUTES = {"card": 30, "redirect": 45, "boleto": 4 * 24 * 60}


def secrets_of(bank: Bank) -> dict[str, str]:
    told: dict[str, str] = json.loads((bank.keys("stripe") / "secrets.json").read_text())
    return told


def gateway_of(bank: Bank, **changes: Any) -> StripeGateway:
    keys = secrets_of(bank)
    settings: dict[str, Any] = {
        "base_url": f"{bank.url}/stripe",
        "secret_key": keys["secret_key"],
        "public_key": keys["public_key"],
        "webhook_secrets": (keys["webhook_secret"],),
        "frame_origins": (bank.url,),
        "frame_url": f"{bank.url}/stripe/elements/{{client_token}}",
    }
    return StripeGateway(**(settings | changes))


def wish(method: str = "card", **changes: Any) -> base.CreateRequest:
    created_at = changes.get("created_at", datetime.now(UTC))
    fields: dict[str, Any] = {
        "created_at": created_at,
        "expires_at": created_at + timedelta(minutes=MINUTES[method]),
    }
    if method == "boleto":
        fields |= {"currency": "BRL", "payer": PAYER}
    return sandbox.wish(method, **(fields | changes))


def named(
    request: base.CreateRequest, made: base.Snapshot | None = None, transaction_id: str = ""
) -> base.PaymentRef:
    """As the shop names it: with the stored request, and Stripe's id once it is known."""
    return base.PaymentRef(
        request.reference,
        request.method,
        request.created_at,
        gateway_id=made.gateway_id if made else "",
        transaction_id=transaction_id,
        request=request,
    )


def paid(bank: Bank, gateway: StripeGateway, method: str = "card") -> base.PaymentRef:
    request = wish(method)
    made = gateway.create(request)
    assert bank.pay(request.reference).status_code == 200
    capture = gateway.query(named(request, made)).captures[0]
    return named(request, made, capture.transaction_id)


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


@contextmanager
def long_ago(bank: Bank, **how_long: float) -> Iterator[datetime]:
    """The bank lives in the past meanwhile; what time it is there."""
    behind = timedelta(**how_long)
    bank.client.put("/clock", json={"seconds_behind": behind.total_seconds()})
    try:
        yield datetime.now(UTC) - behind
    finally:
        bank.client.put("/clock", json={"seconds_behind": 0})
