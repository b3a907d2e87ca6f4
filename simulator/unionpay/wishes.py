"""What a merchant may ask UnionPay for: every field checked before anything is written."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

BEIJING = timezone(timedelta(hours=8))
ORDER = re.compile(r"[A-Za-z0-9]{8,40}", re.ASCII)
MOMENT = re.compile(r"20[0-9]{12}", re.ASCII)
AMOUNT = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
ADDRESS = re.compile(r"https?://[^\s?\"'<>;,]{3,250}")
FRONT_ADDRESS = re.compile(r"https?://[^\s\"'<>;,]{3,250}")
# Fields that an answer repeats from its question.
ECHOED = ("version", "encoding", "signMethod", "txnType", "txnSubType", "bizType", "accessType",
          "merId", "orderId", "txnTime", "reqReserved")  # fmt: skip
METHODS = {("01", "000201"): "web", ("07", "000000"): "qr"}


class No(Exception):
    """UnionPay's respCode for something that it does not do."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parsed(raw: bytes | None) -> dict[str, str]:
    """A posted form."""
    if raw is None:
        raise No("10")
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise No("10") from None
    return dict(pairs)


def payment(fields: Mapping[str, str], *, front: bool) -> dict[str, Any]:
    """The columns of a payment."""
    method = METHODS.get((need(fields, "txnSubType"), need(fields, "bizType")))
    if method != ("web" if front else "qr") or need(fields, "currencyCode") != "156":
        raise No("32")
    words = _words(fields.get("reqReserved", ""))
    return {
        "reference": need(fields, "orderId", ORDER),
        "method": method,
        "amount_minor": int(need(fields, "txnAmt", AMOUNT)),
        "currency": "CNY",
        "order_reference": words,
        "subject": words or "a purchase",
        "created_at": moment(need(fields, "txnTime", MOMENT)),
        "expires_at": moment(need(fields, "payTimeout", MOMENT)),
        "notify_url": need(fields, "backUrl", ADDRESS),
        "return_url": need(fields, "frontUrl", FRONT_ADDRESS) if front else "",
        "locale": "zh",
        "facts": facts(fields),
    }


def facts(fields: Mapping[str, str]) -> str:
    """What is told back with every later answer."""
    return json.dumps({name: fields[name] for name in ECHOED if name in fields})


def need(fields: Mapping[str, str], name: str, pattern: re.Pattern[str] | None = None) -> str:
    """A field that must be there, and of its form."""
    value = fields.get(name, "")
    if not value:
        raise No("13")
    if pattern is not None and not pattern.fullmatch(value):
        raise No("10")
    return value


def moment(told: str) -> float:
    """YYYYMMDDhhmmss in Beijing."""
    try:
        return datetime.strptime(told, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING).timestamp()
    except ValueError:
        raise No("10") from None


def _words(reserved: str) -> str:
    try:
        return base64.b64decode(reserved, validate=True).decode()[:64]
    except (binascii.Error, ValueError):
        raise No("10") from None
