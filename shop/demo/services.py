"""What the demo runs beside the two servers, in the order in which it is stopped."""

import sys
from collections.abc import Mapping
from pathlib import Path

from shop.demo.ports import LOOPBACK
from shop.embedded.process import Program

PROJECT = Path(__file__).resolve().parent.parent.parent
# Stopping everything stays below 30 s even if each program has to be killed.
WEB_STOP_SECONDS = 7.0
WORKER_STOP_SECONDS = 6.0
QUICK_STOP_SECONDS = 3.0


def prepare(env: Mapping[str, str], logs: Path) -> Program:
    """Migrations, seed and static files: runs once at every start, before the services."""
    return _python("prepare", ["manage.py", "prepare"], env, logs, QUICK_STOP_SECONDS)


def bank(env: Mapping[str, str], logs: Path, data: Path) -> Program:
    """The simulated bank, which knows nothing of the shop and needs no database of it."""
    arguments = ["-m", "simulator", "--port", env["BANK_PORT"], "--data", str(data)]
    return _python("bank", arguments, env, logs, QUICK_STOP_SECONDS)


def web(env: Mapping[str, str], logs: Path) -> Program:
    """Pages, API and sockets on one port; one process, so that killing it leaves nothing."""
    arguments = ["-m", "uvicorn", "shop.asgi:application", "--host", LOOPBACK]
    arguments += ["--port", env["SHOP_PORT"], "--lifespan", "off", "--no-access-log"]
    # Whose word about the asker is believed: TRUSTED_PROXIES, and nobody by the server's own rule.
    arguments += ["--no-proxy-headers", "--no-server-header"]
    # Requests in flight are finished; an open WebSocket may not hold up the end.
    arguments += ["--timeout-graceful-shutdown", "4"]
    return _python("web", arguments, env, logs, WEB_STOP_SECONDS)


def worker(env: Mapping[str, str], logs: Path) -> Program:
    """The Celery worker. Threads: its tasks wait for the bank, and one process is all there is."""
    arguments = ["-m", "celery", "-A", "shop", "worker", "--pool", "threads", "--concurrency", "8"]
    arguments += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return _python("worker", arguments, env, logs, WORKER_STOP_SECONDS)


def beat(env: Mapping[str, str], logs: Path, data: Path) -> Program:
    """The clock that wakes the sweeps."""
    arguments = ["-m", "celery", "-A", "shop", "beat", "--schedule", str(data / "beat-schedule")]
    arguments += ["--pidfile", "", "--loglevel", "INFO"]
    return _python("beat", arguments, env, logs, QUICK_STOP_SECONDS)


def _python(
    name: str, arguments: list[str], env: Mapping[str, str], logs: Path, stop_seconds: float
) -> Program:
    return Program(
        name=name,
        argv=[sys.executable, *arguments],
        log=logs / f"{name}.log",
        env=env,
        cwd=PROJECT,
        stop_seconds=stop_seconds,
    )
