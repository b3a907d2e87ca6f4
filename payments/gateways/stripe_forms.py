"""What Stripe is sent: nested forms, amounts in its own units, one body per stored request.

A body is made from the request alone: a repeat under the same key must be the same bytes, or
Stripe refuses it (`idempotency_error`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from payments.gateways import base
from payments.gateways.decimals import minor_digits, rescaled

# Stripe's documentation on currencies: no decimals, three, and two that only look like none.
CODES = {
    0: "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF",
    3: "BHD JOD KWD OMR TND",
}
DIGITS = {code: digits for digits, codes in CODES.items() for code in codes.split()}
VOUCHER_DAYS_MAX = 60
# Stripe ends a hosted page after at least half an hour.
HOSTED_MINUTES_MIN = 30
ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")


def encoded(fields: Mapping[str, Any]) -> bytes:
    """`{"a": {"b": [1]}}` as `a[b][0]=1`, the form that Stripe reads."""
    return urlencode(list(_flat("", fields))).encode("ascii")


def to_stripe(amount_minor: int, currency: str) -> int:
    """In Stripe's smallest units; raises Refused where it cannot be said exactly."""
    digits = DIGITS.get(currency, 2)
    try:
        amount = rescaled(amount_minor, digits=minor_digits(currency), wanted=digits)
    except ValueError:
        amount = 0
    # ISK and UGX have two decimals here that must be 0, three decimals end in 0 (same page).
    tens = 10 if digits == 3 else 1
    if amount <= 0 or amount % tens:
        raise base.Refused("amount_not_representable")
    return amount


def to_minor(amount: int, currency: str) -> int:
    """The shop's units; ValueError where Stripe's are finer and do not fit."""
    return rescaled(amount, digits=DIGITS.get(currency, 2), wanted=minor_digits(currency))


def intent(request: base.CreateRequest, shop: str) -> dict[str, Any]:
    """A PaymentIntent for the card form in the shop's page."""
    return _money(request) | {
        "payment_method_types": ["card"],
        "metadata": metadata(request, shop),
    }


def voucher(request: base.CreateRequest, shop: str) -> dict[str, Any]:
    """A PaymentIntent that is confirmed at once: its answer has the Boleto's number."""
    payer = request.payer
    days = (request.expires_at - request.created_at).days - 1
    address = {field: payer[field] for field in ADDRESS if payer.get(field)}
    details = {field: payer[field] for field in ("name", "email") if payer.get(field)}
    return intent(request, shop) | {
        "payment_method_types": ["boleto"],
        "payment_method_data": {
            "type": "boleto",
            "boleto": {"tax_id": payer.get("tax_id", "")},
            "billing_details": details | ({"address": address} if address else {}),
        },
        # Counted to 23:59 in São Paulo: the last of the days is the day after these.
        "payment_method_options": {
            "boleto": {"expires_after_days": max(0, min(days, VOUCHER_DAYS_MAX))}
        },
        "confirm": "true",
    }


def session(request: base.CreateRequest, shop: str) -> dict[str, Any]:
    """A hosted page; its PaymentIntent is found by the same words."""
    ours = metadata(request, shop)
    money = _money(request)
    return {
        "mode": "payment",
        # Cards alone: what Stripe would add by itself may be late or not refundable.
        "payment_method_types": ["card"],
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": money["currency"],
                    "unit_amount": money["amount"],
                    "product_data": {"name": request.subject or request.order_reference},
                },
            }
        ],
        "client_reference_id": request.reference,
        "expires_at": int(request.expires_at.timestamp()),
        "success_url": request.return_url,
        "cancel_url": request.return_url,
        "metadata": ours,
        "payment_intent_data": {"metadata": ours},
    }


def refund(request: base.RefundRequest, charge: str, shop: str) -> dict[str, Any]:
    """`reason` is one of Stripe's own three words, so ours stays here."""
    return {
        "charge": charge,
        "amount": to_stripe(request.amount_minor, request.currency),
        "metadata": {
            "shop": shop,
            "reference": request.reference,
            "payment_reference": request.payment.reference,
        },
    }


def metadata(request: base.CreateRequest, shop: str) -> dict[str, str]:
    """The only place at Stripe for words of ours; copied to the charge."""
    return {
        "shop": shop,
        "reference": request.reference,
        "order_reference": request.order_reference,
        "method": request.method,
    }


def _money(request: base.CreateRequest) -> dict[str, Any]:
    amount = to_stripe(request.amount_minor, request.currency)
    return {"amount": amount, "currency": request.currency.lower()}


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}[{key}]" if name else key, inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _flat(f"{name}[{place}]", inner)
    else:
        yield name, str(value)
