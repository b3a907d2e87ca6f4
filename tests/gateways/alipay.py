"""The Alipay adapter of a test's bank, and what it is asked to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways.alipay import AlipayGateway
from simulator.alipay import APP_ID, SELLER_ID
from tests.bank import Bank
from tests.payments import sandbox
from tests.simulator.merchant import new_reference

PENDING, CAPTURED, CLOSED = base.State.PENDING, base.State.CAPTURED, base.State.CLOSED


def gateway_of(bank: Bank, **changes: Any) -> AlipayGateway:
    keys = bank.keys("alipay")
    settings: dict[str, Any] = {
        "base_url": f"{bank.url}/alipay",
        "public_url": f"{bank.url}/alipay",
        "app_id": APP_ID,
        "seller_id": SELLER_ID,
        "app_private_key": (keys / "app.pem").read_text(),
        "gateway_public_keys": ((keys / "gateway.public.pem").read_text(),),
    }
    return AlipayGateway(**(settings | changes))


def wish(method: str = "qr", **changes: Any) -> base.CreateRequest:
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"created_at": now, "expires_at": now + timedelta(minutes=15)}
    return sandbox.wish(method, **({"currency": "CNY", "locale": "zh-hans"} | times | changes))


def named(request: base.CreateRequest, transaction_id: str = "") -> base.PaymentRef:
    return base.PaymentRef(
        request.reference,
        request.method,
        request.created_at,
        transaction_id=transaction_id,
        request=request,
    )


def shown(snapshot: base.Snapshot, field: str) -> str:
    """One field of what the shopper is shown."""
    assert snapshot.presentation is not None
    return str(snapshot.presentation.content[field])


def scanned(bank: Bank, gateway: AlipayGateway, request: base.CreateRequest) -> base.PaymentRef:
    """A code that a shopper holds under their wallet, unpaid."""
    answer = bank.client.get(shown(gateway.create(request), "text"), follow_redirects=True)
    assert answer.status_code == 200
    return named(request)


def paid(bank: Bank, gateway: AlipayGateway, **changes: Any) -> base.PaymentRef:
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
    }
    return base.RefundRequest(**(fields | changes))
