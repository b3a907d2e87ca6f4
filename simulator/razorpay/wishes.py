"""What a merchant may ask Razorpay for: every field checked before anything is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

LINK_SECONDS_MIN = 15 * 60
# An order never ends; the books want a moment.
NEVER_SECONDS = 10 * 366 * 24 * 3600
CAPTURE_MINUTES = 7200
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
REFUND_KEY = re.compile(r"[A-Za-z0-9_-]{10,}", re.ASCII)


class No(Exception):
    """Razorpay's error: an HTTP status, a reason as a word, and a sentence."""

    def __init__(self, reason: str, said: str = "", *, status: int = 400) -> None:
        super().__init__(reason)
        self.status, self.reason, self.said = status, reason, said or reason


def parsed(raw: bytes | None) -> dict[str, Any]:
    """A JSON object; an empty body is an empty one."""
    try:
        body = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        body = None
    if raw is None or not isinstance(body, dict):
        raise No("malformed", "The request body is not JSON")
    return body


def order(body: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The columns of an order."""
    receipt = _text(body, "receipt", 40)
    told = body.get("payment")
    options = told.get("capture_options") if isinstance(told, dict) else None
    minutes = options.get("manual_expiry_period") if isinstance(options, dict) else None
    if not isinstance(told, dict) or told.get("capture") != "manual":
        raise No("input_validation_failed", "This simulation captures checkouts by hand only")
    if type(minutes) is not int or not 0 < minutes <= CAPTURE_MINUTES:
        raise No("input_validation_failed", "manual_expiry_period is 1 to 7200 minutes")
    notes = _notes(body)
    return _common(body, notes) | {
        "reference": receipt,
        "method": "checkout",
        "subject": f"Order {receipt}",
        "created_at": now,
        "expires_at": now + NEVER_SECONDS,
        "return_url": "",
        "facts": json.dumps({"notes": notes, "minutes": minutes}),
    }


def link(body: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The columns of a payment link."""
    expire_by = body.get("expire_by")
    if type(expire_by) is not int or expire_by < now + LINK_SECONDS_MIN:
        raise No("input_validation_failed", "expire_by should be at least 15 minutes ahead")
    notes = _notes(body)
    return _common(body, notes) | {
        "reference": _text(body, "reference_id", 40),
        "method": "link",
        "subject": _text(body, "description", 2048),
        "created_at": now,
        "expires_at": float(expire_by),
        "return_url": _url(body, "callback_url"),
        "facts": json.dumps({"notes": notes}),
    }


def refund(body: Mapping[str, Any], whole: int) -> tuple[int, str | None, dict[str, str]]:
    """Amount (all of it, when none is named), receipt and notes."""
    amount = body.get("amount", whole)
    if type(amount) is not int or amount <= 0:
        raise No("input_validation_failed", "The amount must be a positive integer")
    receipt = body.get("receipt")
    if receipt is not None:
        receipt = _text(body, "receipt", 40)
    return amount, receipt, _notes(body)


def amount(body: Mapping[str, Any]) -> tuple[int, str]:
    """What a capture names."""
    value, currency = body.get("amount"), body.get("currency", "INR")
    if type(value) is not int or value <= 0 or not isinstance(currency, str):
        raise No("input_validation_failed", "The amount must be a positive integer")
    return value, currency


def webhook(body: Mapping[str, Any]) -> str:
    """Where events are to go."""
    return _url(body, "url")


def _common(body: Mapping[str, Any], notes: Mapping[str, str]) -> dict[str, Any]:
    value, currency = amount(body)
    if not CURRENCY.fullmatch(currency):
        raise No("input_validation_failed", "Currency is not supported")
    if value < 100:
        raise No("input_validation_failed", f"The amount must be at least {currency} 1.00")
    words = notes.get("order_reference", "")
    return {"amount_minor": value, "currency": currency, "order_reference": words, "locale": "en"}


def _notes(body: Mapping[str, Any]) -> dict[str, str]:
    notes = body.get("notes") or {}
    strings = isinstance(notes, dict) and all(isinstance(v, str) for v in notes.values())
    if not strings or len(notes) > 15 or any(len(value) > 256 for value in notes.values()):
        raise No("input_validation_failed", "Notes are at most 15 short texts")
    return dict(notes)


def _text(body: Mapping[str, Any], name: str, longest: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise No("input_validation_failed", f"The {name} is not a text of at most {longest}")
    return value


def _url(body: Mapping[str, Any], name: str) -> str:
    value = _text(body, name, 500)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or re.search(r"[\s;,'\"<>]", value):
        raise No("input_validation_failed", f"The {name} is no address")
    return value
