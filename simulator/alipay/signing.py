"""How this gateway signs and how it writes: RSA2, canonical strings, yuan, the clock of China."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CHINA = timezone(timedelta(hours=8))
_TIME = "%Y-%m-%d %H:%M:%S"
_YUAN = re.compile(r"([0-9]{1,9})(\.[0-9]{1,2})?", re.ASCII)
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])", re.ASCII)
_SPAN_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


def signature(key: rsa.RSAPrivateKey, message: bytes, *, wrong: bool = False) -> str:
    """In base64; a wrong one is one that no key of ours made."""
    raw = bytearray(key.sign(message, padding.PKCS1v15(), hashes.SHA256()))
    if wrong:
        raw[-1] ^= 1
    return base64.b64encode(bytes(raw)).decode()


def is_genuine(key: rsa.RSAPublicKey, fields: Mapping[str, str]) -> bool:
    """Whether a request bears the app's signature over all it says."""
    said = {name: value for name, value in fields.items() if value and name != "sign"}
    try:
        raw = base64.b64decode(fields.get("sign", ""), validate=True)
        key.verify(raw, joined(said), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return fields.get("sign_type") == "RSA2"


def joined(fields: Mapping[str, str]) -> bytes:
    """Sorted by name, `a=1&b=2`, nothing escaped."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields)).encode()


def in_yuan(amount_minor: int) -> str:
    """Fen as a decimal string."""
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"


def in_fen(value: object) -> int | None:
    """A decimal string of yuan, above zero, or None."""
    parts = _YUAN.fullmatch(str(value))
    if parts is None:
        return None
    return int(parts[1]) * 100 + int((parts[2] or ".")[1:].ljust(2, "0")) or None


def china_time(moment: float) -> str:
    """Seconds since 1970 as the clocks there show them."""
    return datetime.fromtimestamp(moment, CHINA).strftime(_TIME)


def from_china_time(value: object) -> float | None:
    """The reverse, or None for any other form."""
    try:
        return datetime.strptime(str(value), _TIME).replace(tzinfo=CHINA).timestamp()
    except ValueError:
        return None


def span_seconds(value: object) -> int | None:
    """`90m`, `2h`, `1d`, or None."""
    parts = _SPAN.fullmatch(str(value))
    return int(parts[1]) * _SPAN_SECONDS[parts[2]] if parts else None
