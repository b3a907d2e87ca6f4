"""Loaded before the settings: each test process gets its own Redis databases and its own bank.

The database comes from DATABASE_URL (`make unit` starts one); pytest-django adds the
process's name to it.
"""

import os
import re
import socket
import tempfile

#: The broker, the cache and the channel layer are three databases beside each other.
DATABASES_PER_PROCESS = 3
WORKER = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _own_redis(url: str) -> str:
    base = int(re.search(r"db=(\d+)$", url)[1]) if "db=" in url else 0  # type: ignore[index]
    return f"{url.split('?')[0]}?db={base + WORKER * DATABASES_PER_PROCESS}"


BANK_PORT = _free_port()
os.environ.setdefault("SECRET_KEY", "only-for-tests-0123456789-0123456789-0123456789")
os.environ["REDIS_URL"] = _own_redis(os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
os.environ.update(
    # Plain file names for pictures and styles, and an empty folder to collect them in.
    DEBUG="1",
    FAILPOINTS="1",
    STATIC_ROOT=tempfile.mkdtemp(prefix="static-"),
    BANK_PORT=str(BANK_PORT),
    BANK_URL=f"http://127.0.0.1:{BANK_PORT}",
    BANK_PUBLIC_URL=f"http://127.0.0.1:{BANK_PORT}",
    SANDBOX_MERCHANT="payonce-test",
    SANDBOX_API_KEY="api-key-of-the-tests",
    SANDBOX_SIGNING_SECRET="signing-secret-of-the-tests",
    SANDBOX_WEBHOOK_SECRETS="webhook-secret-of-the-tests",
    LOG_LEVEL="ERROR",
    # Many tests share two cores: a busy Redis is not a broken one.
    REDIS_TIMEOUT_SECONDS="1",
    # Faults are the point of many tests; tests/ops opens the breaker on purpose.
    BREAKER_UNKNOWNS="1000",
)
