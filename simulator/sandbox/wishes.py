"""What a merchant may ask for: every field checked before anything is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from simulator.books import Refusal

REFERENCE = re.compile(r"[A-Za-z0-9_-]{6,64}", re.ASCII)
TRANSACTION = re.compile(r"[a-z0-9_]{6,64}", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
LOCALE = re.compile(r"[A-Za-z0-9_-]{2,16}", re.ASCII)
KEY = re.compile(r"[!-~]{16,128}", re.ASCII)
METHOD = re.compile(r"qr|redirect|card")
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
AMOUNT_MINOR_MAX = 10**12


def parsed(raw: bytes | None) -> dict[str, Any]:
    """A JSON object; an empty body is an empty one."""
    if raw is None:
        raise Refusal(413, "too_large")
    try:
        body = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        raise Refusal(400, "malformed") from None
    if not isinstance(body, dict):
        raise Refusal(400, "malformed")
    return body


def payment(body: dict[str, Any], merchant: str) -> dict[str, Any]:
    """The fields of a payment; times as seconds since 1970."""
    _own(body, merchant)
    return {
        "merchant": merchant,
        "reference": _text(body, "reference", REFERENCE),
        "method": _text(body, "method", METHOD),
        "amount_minor": _amount(body),
        "currency": _text(body, "currency", CURRENCY),
        "order_reference": _free_text({"order_reference": "", **body}, "order_reference", 64),
        "subject": _free_text(body, "subject", 200),
        "created_at": _moment(body, "created_at"),
        "expires_at": _moment(body, "expires_at"),
        "notify_url": _url(body, "notify_url"),
        "return_url": _url(body, "return_url"),
        "locale": _text(body, "locale", LOCALE),
    }


def refund(body: dict[str, Any], merchant: str) -> dict[str, Any]:
    """The fields of a refund."""
    _own(body, merchant)
    return {
        "reference": _text(body, "reference", REFERENCE),
        "payment_reference": _text(body, "payment_reference", REFERENCE),
        "transaction_id": _text(body, "transaction_id", TRANSACTION),
        "amount_minor": _amount(body),
        "currency": _text(body, "currency", CURRENCY),
        "reason": _free_text(body, "reason", 200),
    }


def reference(value: str) -> str:
    """A payment's reference from a path."""
    return _text({"reference": value}, "reference", REFERENCE)


def idempotency_key(headers: Mapping[str, str]) -> str:
    """16 to 128 visible ASCII characters."""
    return _text({"idempotency_key": headers.get("idempotency-key")}, "idempotency_key", KEY)


def day(value: str) -> datetime:
    """Its first moment, UTC."""
    try:
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(400, "invalid_day") from None


def cursor(value: str) -> int:
    """Where a page of a statement ended."""
    return int(_text({"after": value}, "after", re.compile(r"[0-9]{1,15}", re.ASCII)))


def _own(body: dict[str, Any], merchant: str) -> None:
    if body.get("merchant") != merchant:
        raise Refusal(403, "wrong_merchant")


def _text(body: Mapping[str, Any], field: str, pattern: re.Pattern[str]) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Refusal(400, f"invalid_{field}")
    return value


def _free_text(body: dict[str, Any], field: str, longest: int) -> str:
    value = body.get(field)
    if not isinstance(value, str) or len(value) > longest or CONTROL.search(value):
        raise Refusal(400, f"invalid_{field}")
    return value


def _amount(body: dict[str, Any]) -> int:
    value = body.get("amount_minor")
    if type(value) is not int or not 0 < value <= AMOUNT_MINOR_MAX:
        raise Refusal(400, "invalid_amount_minor")
    return value


def _moment(body: dict[str, Any], field: str) -> float:
    try:
        moment = datetime.fromisoformat(str(body.get(field)))
    except ValueError:
        raise Refusal(400, f"invalid_{field}") from None
    if moment.tzinfo is None or moment.year < 2000:
        raise Refusal(400, f"invalid_{field}")
    return moment.timestamp()


def _url(body: dict[str, Any], field: str) -> str:
    value = _free_text(body, field, 500)
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises ValueError when it is no number
    except ValueError:
        raise Refusal(400, f"invalid_{field}") from None
    odd = re.search(r"[\s\\;,'\"<>]", parts.netloc)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or odd:
        raise Refusal(400, f"invalid_{field}")
    return value
