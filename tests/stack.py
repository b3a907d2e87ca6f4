"""The whole shop as processes over the test database: web, worker with beat, and the bank.

For what only real processes show: a SIGKILL between two lines, a frozen Redis, a browser.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
from django.db import connection

from tests.bank import Bank, _free_port

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN_SECONDS = 30.0


class Stack:
    """Web and worker on free ports, with short clocks; `bank` is theirs alone."""

    def __init__(self, **settings: str) -> None:
        self.bank = Bank()
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="stack-")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._settings = settings
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            **self.bank.settings(),
            "BANK_PORT": str(self.bank.port),
            "DATABASE_URL": database_url_of_tests(),
            "SHOP_PORT": str(self.port),
            "SHOP_URL": self.url,
            "DEBUG": "1",
            "SWEEP_SECONDS": "1",
            "RELAY_SECONDS": "0.5",
            "EXPIRY_SECONDS": "2",
            "POLL_AFTER_SECONDS": "1,2,2,2,5",
            "PAYMENT_LEASE_SECONDS": "7",
            **self._settings,
            **more,
        }

    def start(self) -> "Stack":
        self.bank.start()
        self.start_worker()
        self.start_web()
        return self

    def start_web(self, **more: str) -> None:
        command = ["-m", "uvicorn", "shop.asgi:application", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--log-level", "error", "--no-access-log"]
        self._run("web", command, **more)
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while not self._ready():
            if self._processes["web"].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the web server did not start")
            time.sleep(0.1)

    def start_worker(self, **more: str) -> None:
        schedule = Path(self._folder.name) / "beat"
        command = ["-m", "celery", "-A", "shop", "worker", "-B", "--pool", "threads"]
        command += ["-c", "4", "-s", str(schedule), "-l", "error"]
        command += ["--without-gossip", "--without-mingle"]
        self._run("worker", command, **more)

    def _run(self, name: str, command: list[str], **more: str) -> None:
        self._processes[name] = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=self.environment(**more)
        )

    def _ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self, name: str) -> None:
        """SIGKILL: the process dies between two lines."""
        self._processes[name].kill()
        self._processes.pop(name).wait()

    def wait_for_death(self, name: str, seconds: float = 15) -> int:
        """Wait until a process has died by itself; its exit code."""
        return self._processes.pop(name).wait(seconds)

    def stop(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self.bank.stop()
        self.client.close()
        self._folder.cleanup()


def database_url_of_tests() -> str:
    """The database that this test process uses, as other processes must name it."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path="/" + connection.settings_dict["NAME"]))
