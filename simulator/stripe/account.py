"""The merchant's account: keys made at the first start, and where its notifications go."""

from __future__ import annotations

from pathlib import Path

from simulator import keys


class Account:
    """`secrets.json` beside the ledger is what the dashboard would show."""

    def __init__(self, data: Path) -> None:
        self._place = keys.folder(data, "stripe")
        self.secret_key = keys.secret(self._place, "secret_key", prefix="sk_test_")
        self.public_key = keys.secret(self._place, "public_key", prefix="pk_test_")
        self.webhook_secret = keys.secret(self._place, "webhook_secret", prefix="whsec_")

    @property
    def endpoint(self) -> str:
        """The shop's webhook address; empty until one is set."""
        file = self._place / "endpoint.txt"
        return file.read_text().strip() if file.exists() else ""

    def set_endpoint(self, url: str) -> None:
        (self._place / "endpoint.txt").write_text(url)
