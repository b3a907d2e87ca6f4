"""The bank's signature over its answers and notifications: `t=<unix>,v1=<hex>`."""

from __future__ import annotations

import hashlib
import hmac
import time

HEADER = "Sandbox-Signature"
# What the knobs for bad signatures sign with.
WRONG_SECRET = "not-the-secret"  # noqa: S105 - that is the point of it


def signature(secret: str, body: bytes, skew_seconds: float = 0) -> str:
    """HMAC-SHA256 over "<t>.<body>"; `t` is the bank's clock in whole seconds."""
    moment = int(time.time() + skew_seconds)
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={digest.hexdigest()}"
