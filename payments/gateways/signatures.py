"""Signatures of the form `t=<unix>,v1=<hex>`: HMAC-SHA256 over "<t>.<raw body>"."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

# How far a signature's clock may be from ours, in both directions.
TOLERANCE_SECONDS = 300
_FORM = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def signature_age(header: str, body: bytes, secrets: Sequence[str], now: datetime) -> float | None:
    """How many seconds a signature is away from `now`, or None when nobody we know made it."""
    parts = _FORM.fullmatch(header)
    if parts is None:
        return None
    signed = parts[1].encode() + b"." + body
    expected = [hmac.new(s.encode(), signed, hashlib.sha256).hexdigest() for s in secrets]
    # Every secret is compared, so that the time tells nothing about which one fits.
    genuine = sum(hmac.compare_digest(parts[2], digest) for digest in expected)
    return abs(now.timestamp() - int(parts[1])) if genuine else None
