"""The simulated bank as a test sees it: a real process, spoken to over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from simulator.sandbox.signing import signature

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN_SECONDS = 20.0


class Bank:
    """Starts the bank on a free port; `with Bank() as bank:` or `start()` and `stop()`.

    `time_factor` shortens the bank's own waits (notification retries, refunds). `kill()` is a
    SIGKILL; `start()` after it continues on the same port with the same ledger.
    """

    merchant = "payonce-test"
    api_key = "api-key-of-the-tests"
    signing_secret = "signing-secret-of-the-tests"
    webhook_secret = "webhook-secret-of-the-tests"

    def __init__(self, *, time_factor: float = 0.05, port: int = 0) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._time_factor = time_factor
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def settings(self) -> dict[str, str]:
        """The environment that a shop needs to be this bank's merchant."""
        return {
            "BANK_URL": self.url,
            "BANK_PUBLIC_URL": self.url,
            "SANDBOX_MERCHANT": self.merchant,
            "SANDBOX_API_KEY": self.api_key,
            "SANDBOX_SIGNING_SECRET": self.signing_secret,
            "SANDBOX_WEBHOOK_SECRET": self.webhook_secret,
            "SANDBOX_WEBHOOK_SECRETS": self.webhook_secret,
        }

    def keys(self, gateway: str) -> Path:
        """What this gateway's desk hands out: keys and secrets, made when the bank started."""
        assert self._folder is not None, "the bank makes them when it starts"
        return Path(self._folder.name) / "keys" / gateway

    def start(self) -> Self:
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="bank-")
        command = [sys.executable, "-m", "simulator", "--port", str(self.port)]
        command += ["--data", self._folder.name, "--time-factor", str(self._time_factor)]
        command += ["--allow-reset"]
        environ = os.environ | self.settings()
        self._process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the bank did not start: exit {self._process.poll()}")
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """Ask it to end, and remove its ledger."""
        self._end(signal.SIGTERM)
        self.client.close()
        if self._folder is not None:
            self._folder.cleanup()

    def kill(self) -> None:
        """SIGKILL: no goodbye, no flush. The ledger stays for the next `start()`."""
        self._end(signal.SIGKILL)

    def pay(self, reference: str) -> httpx.Response:
        """Be the shopper's phone: 200, 409 when closed or paid, 404 unknown."""
        return self.client.post(f"/payments/{reference}/pay")

    def decline(self, reference: str) -> httpx.Response:
        return self.client.post(f"/payments/{reference}/decline")

    def faults(self, **knobs: Any) -> None:
        """Replace all switches; no argument switches everything off."""
        answer = self.client.put("/faults", json=knobs)
        assert answer.status_code == 200, answer.text

    def struck(self) -> dict[str, int]:
        """How often each switch had its way since they were last set."""
        counts: dict[str, int] = self.client.get("/faults/struck").json()
        return counts

    def ledger(self, *references: str) -> list[dict[str, Any]]:
        """Movements of real money, oldest first; of these payments, or of all."""
        answer = self.client.get("/ledger", params={"reference": list(references)})
        rows: list[dict[str, Any]] = answer.json()["movements"]
        return rows

    def net(self, *references: str) -> int:
        """What these payments took in the end: charges less refunds, in minor units."""
        rows = self.ledger(*references)
        return sum(r["amount_minor"] * (1 if r["kind"] == "charge" else -1) for r in rows)

    def payments(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.client.get("/payments").json()
        return rows

    def notifications(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.client.get("/notifications").json()
        return rows

    def notification(
        self, reference: str, kind: str = "payment.paid", event: str = "", refund: str = ""
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of a genuine delivery, as the bank would sign it.

        About a payment, or about this refund of it; another `event` is another notification.
        """
        told = {
            "id": event or f"evt-{reference}",
            "type": kind,
            "created_at": datetime.now(UTC).isoformat(),
            "merchant": self.merchant,
            "reference": refund or reference,
            "payment_reference": reference,
            "data": {},
        }
        body = json.dumps(told).encode()
        signed = signature(self.webhook_secret, body)
        return {"content-type": "application/json", "sandbox-signature": signed}, body

    def reset(self) -> None:
        """Faults off, ledger empty."""
        assert self.client.delete("/everything").status_code == 204

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            return self.client.get("/faults").status_code == 200
        except httpx.TransportError:
            return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
