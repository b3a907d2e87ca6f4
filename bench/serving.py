"""The two web servers, started alike."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shop.embedded.process import dies_with_us

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN_SECONDS = 60.0
APPLICATIONS = {
    "shop": ("bench.settings", "shop.asgi:application"),
    "floor": ("bench.floor_settings", "bench.floor_asgi:application"),
    "bare": ("", "bench.fanout:application"),
}


def environment(who: str, database_url: str, redis_url: str) -> dict[str, str]:
    """Production's settings, as far as one machine can have them."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": APPLICATIONS[who][0],
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DEBUG": "0",
        "ALLOW_EMBEDDED": "1",
        "LOG_LEVEL": "INFO",
        "SECRET_KEY": "bench-bench-bench-0123456789-abcdefghijklmnopqrstuvwxyz",
        "SANDBOX_API_KEY": "of-the-bench-0123456789",
        "SANDBOX_SIGNING_SECRET": "signs-the-bench-0123456789",
        "SANDBOX_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "STATIC_ROOT": str(ROOT / ".data" / "bench-static"),
        "SOCKETS_PER_ADDRESS": "1000",
    }


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    port: int
    pid: int

    def core_seconds(self) -> float:
        """What it has used of the processor: true also while others use the machine."""
        told = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


WEBHOOK_SECRET = "hooks-the-bench-0123456789"  # noqa: S105


@contextlib.contextmanager
def server(who: str, database_url: str, redis_url: str) -> Iterator[Running]:
    """The web server of the shop or the floor."""
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", APPLICATIONS[who][1], "--host", "127.0.0.1"]
    argv += ["--port", str(port), "--lifespan", "off", "--no-access-log", "--no-proxy-headers"]
    argv += ["--no-server-header", "--log-level", "error"]
    env = environment(who, database_url, redis_url)
    env |= {"SHOP_PORT": str(port), "SHOP_URL": f"http://127.0.0.1:{port}"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=dies_with_us(signal.SIGKILL),
        )
        try:
            _wait(process, port, log)
            yield Running(port, process.pid)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: object) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
            return
        time.sleep(0.1)
    log.seek(0)  # type: ignore[attr-defined]
    raise RuntimeError(f"the server did not start: {log.read().decode()[-800:]}")  # type: ignore[attr-defined]
