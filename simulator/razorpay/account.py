"""The merchant's account at Razorpay: its key, its webhook, and what its dashboard would show."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from urllib.parse import urlsplit

from simulator import keys

#: The account's id, as webhooks name it.
ACCOUNT = "acc_PayonceSimula1"
WRONG_SECRET = "not-the-secret"  # noqa: S105 - what the knob for bad signatures signs with


class Account:
    """Made at the first start; `secrets.json` is what the merchant writes into its settings."""

    def __init__(self, data: Path) -> None:
        self._place = keys.folder(data, "razorpay")
        self.key_id = "rzp_test_" + keys.secret(self._place, "key_id", length=14)
        self.key_secret = keys.secret(self._place, "key_secret", length=24)
        self.webhook_secret = keys.secret(self._place, "webhook_secret")

    @property
    def webhook(self) -> str:
        """Where events go; empty until the merchant has said it."""
        file = self._place / "webhook.txt"
        return file.read_text().strip() if file.exists() else ""

    def set_webhook(self, url: str) -> None:
        """One address for all events."""
        (self._place / "webhook.txt").write_text(url)

    @property
    def shop(self) -> str:
        """The shop's origin, or nothing: only it may frame the checkout."""
        parts = urlsplit(self.webhook)
        return f"{parts.scheme}://{parts.netloc}/" if parts.netloc else ""

    def return_signature(self, *parts: str) -> str:
        """What the browser brings back to the shop, signed with the key's secret."""
        return signature(self.key_secret, "|".join(parts).encode())


def signature(secret: str, body: bytes) -> str:
    """HMAC-SHA256 in hexadecimal."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
