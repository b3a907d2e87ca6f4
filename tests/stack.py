"""The whole shop as processes over the test database: web, worker with beat, and the bank.

For what only real processes show: a SIGKILL between two lines, a frozen Redis, a browser.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit, urlunsplit

import httpx
from django.db import connection

from shop.embedded.process import dies_with_us
from tests.bank import Bank, _free_port

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN_SECONDS = 120.0


class Stack:
    """Web and worker on free ports, with short clocks; `bank` is theirs alone."""

    #: Every stack over this test process's database: two workers would do each other's work.
    _started: ClassVar[list["Stack"]] = []

    def __init__(self, **settings: str) -> None:
        self.bank = Bank()
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="stack-")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._settings = settings
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def environment(self, **more: str) -> dict[str, str]:
        told = {
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
        if told["DEBUG"] == "0":
            told.pop("FAILPOINTS", None)  # a real shop refuses to start with them
        return told

    def start(self) -> "Stack":
        self.bank.start()
        Stack._started.append(self)
        return self.take_over()

    def take_over(self) -> "Stack":
        """Start what does not run here, and stop the workers of all other stacks."""
        Stack.rest(but=self)
        for name, start in (("worker", self.start_worker), ("web", self.start_web)):
            if not self.is_running(name):
                start()
        return self

    def is_running(self, name: str) -> bool:
        return name in self._processes and self._processes[name].poll() is None

    @classmethod
    def rest(cls, but: "Stack | None" = None) -> None:
        """Stop the workers of all stacks; the next `take_over` starts its own again."""
        for stack in cls._started:
            if stack is not but:
                stack.kill("worker")

    @classmethod
    def has_worker(cls) -> bool:
        """Whether a worker may be writing at this moment."""
        return any(stack.is_running("worker") for stack in cls._started)

    def start_web(self, **more: str) -> None:
        command = ["-m", "uvicorn", "shop.asgi:application", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--log-level", "error", "--no-access-log"]
        command += ["--no-proxy-headers"]
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
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment(**more),
            start_new_session=True,
            preexec_fn=dies_with_us(signal.SIGKILL),
        )

    def _ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def signal(self, name: str, how: signal.Signals) -> None:
        """Send a signal to one process, as its host's administrator would."""
        self._processes[name].send_signal(how)

    def kill(self, name: str) -> None:
        """SIGKILL, if it runs: the process dies between two lines."""
        if name in self._processes:
            self._processes[name].kill()
            self.wait_for_death(name)

    def wait_for_death(self, name: str, seconds: float = 30) -> int:
        """Wait until a process has died by itself; its exit code."""
        process = self._processes[name]
        code = process.wait(seconds)
        del self._processes[name]
        _end_children_of(process)
        return code

    def stop(self) -> None:
        if self in Stack._started:
            Stack._started.remove(self)
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _end_children_of(process)
        self._processes.clear()
        self.bank.stop()
        self.put_away()

    def put_away(self) -> None:
        """Leave nothing of our own behind; no process runs any more."""
        self.client.close()
        self._folder.cleanup()


def _end_children_of(process: subprocess.Popen[bytes]) -> None:
    """A worker that was killed leaves its beat behind, which holds the schedule's file."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def database_url_of_tests() -> str:
    """The database that this test process uses, as other processes must name it."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path="/" + connection.settings_dict["NAME"]))


def socket_of_database() -> str | tuple[str, int]:
    """Where the tests' server listens: a Unix socket, or (host, port)."""
    told = connection.settings_dict
    host = told["OPTIONS"].get("host") or told["HOST"] or "/var/run/postgresql"
    port = int(told["OPTIONS"].get("port") or told["PORT"] or 5432)
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)
