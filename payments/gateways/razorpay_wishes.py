"""What Razorpay is asked for: the bodies of an order, a link and a refund."""

from __future__ import annotations

from typing import Any

from payments.gateways import base


def checkout(request: base.CreateRequest, authorization_minutes: int) -> dict[str, Any]:
    """An order whose payments are authorized only, and returned when nobody captures them."""
    return {
        "amount": request.amount_minor,
        "currency": request.currency,
        "receipt": request.reference,
        "notes": _notes(request),
        # Here and not in the dashboard: nothing may be captured but by us.
        "payment": {
            "capture": "manual",
            "capture_options": {
                "manual_expiry_period": authorization_minutes,
                "refund_speed": "normal",
            },
        },
    }


def link(request: base.CreateRequest) -> dict[str, Any]:
    """A link that is paid at once and as a whole, and that Razorpay sends to nobody."""
    return {
        "amount": request.amount_minor,
        "currency": request.currency,
        "accept_partial": False,
        "reference_id": request.reference,
        "description": request.subject,
        "expire_by": int(request.expires_at.timestamp()),
        "callback_url": request.return_url,
        "callback_method": "get",
        "notify": {"sms": False, "email": False},
        "reminder_enable": False,
        "notes": _notes(request),
    }


def _notes(request: base.CreateRequest) -> dict[str, str]:
    return {"reference": request.reference, "order_reference": request.order_reference}


def refund(request: base.RefundRequest) -> dict[str, Any]:
    """Our reference is the receipt, by which it is found again, and the key beside it."""
    return {
        "amount": request.amount_minor,
        "speed": "normal",
        "receipt": request.reference,
        "notes": {"payment_reference": request.payment.reference},
    }
