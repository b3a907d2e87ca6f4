"""`manage.py demo`: servers, migrations, seed, bank, worker, beat and web, until Ctrl-C."""

import contextlib
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote

from shop import embedded
from shop.demo import ports, secrets, services
from shop.demo.running import join, noted
from shop.demo.supervisor import (
    Signals,
    StopAsked,
    Supervisor,
    end_with_make,
    run_to_end,
    stopped_at_the_end,
)
from shop.embedded import EmbeddedError, place
from shop.embedded.lock import FolderLock

READY_SECONDS = 120.0
DATA_VARIABLE = "DEMO_DATA"


def say(line: str) -> None:
    """Print a line at once, also into a pipe or a file."""
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)


def join_running() -> bool:
    """Let a command work on the demo that runs here; False where none does."""
    return join(_base())


def main() -> int:
    """Run the demo; returns the exit code: 0 after a signal, 1 when it could not run."""
    signals = Signals()
    end_with_make()
    try:
        _run(_base(), signals)
    except EmbeddedError as error:
        print(f"\nThe demo cannot run: {error}", file=sys.stderr, flush=True)
        return 1
    except StopAsked:
        say("Stopped. The data are kept; `make demo` starts again.")
    return 0


def _base() -> Path:
    return Path(os.environ.get(DATA_VARIABLE, services.PROJECT / ".data"))


def _run(base: Path, signals: Signals) -> None:
    began = time.monotonic()
    shop_port = ports.read("SHOP_PORT", os.environ.get("SHOP_PORT", "8000"))
    bank_port = ports.read("BANK_PORT", os.environ.get("BANK_PORT", "8001"))
    home = place.settle(base)
    demo = home / "demo"
    demo.mkdir(mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as closing:
        closing.callback(FolderLock.take(demo).release)
        ports.check_free("SHOP_PORT", shop_port)
        ports.check_free("BANK_PORT", bank_port)
        running = closing.enter_context(embedded.servers(base, progress=say))
        # Entered last, left first: the services stop before their servers do.
        supervisor = Supervisor(say)
        closing.callback(say, "Stopping the database and the cache")
        closing.enter_context(stopped_at_the_end(signals, supervisor))
        told = _environment(home, shop_port, bank_port, running)
        env = told | {
            name: value for name, value in os.environ.items() if value or name not in told
        }
        _start_services(supervisor, env, demo)
        _wait_until_ready(supervisor, env)
        _greet(env, demo, time.monotonic() - began)
        with noted(demo, {name: env[name] for name in told}), contextlib.suppress(StopAsked):
            supervisor.watch(running.children)
        say("\nStopping the shop")
    raise StopAsked


def _environment(
    home: Path, shop_port: int, bank_port: int, running: embedded.Servers
) -> dict[str, str]:
    """What each service is told, unless the caller said otherwise."""
    return secrets.load(home) | {
        "SHOP_PORT": str(shop_port),
        "BANK_PORT": str(bank_port),
        "SHOP_URL": f"http://{ports.LOOPBACK}:{shop_port}",
        "DEMO": "1",
        "EMAIL_URL": f"filemail:///{quote(str(home / 'demo' / 'mails'))}",
        "VAPID_SUBJECT": "mailto:demo@payonce.example",
        "STATIC_ROOT": str(home / "demo" / "static"),
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": running.database_url,
        "REDIS_URL": running.redis_url,
        "ALLOW_EMBEDDED": "1",
    }


def _start_services(supervisor: Supervisor, env: dict[str, str], demo: Path) -> None:
    logs = demo / "logs"
    logs.mkdir(exist_ok=True)
    say("Starting the bank; preparing the tables, the goods, the pictures and a few days of past")
    # The past is lived through at the bank, which stops last.
    supervisor.add(services.bank(env, logs, demo / "bank"))
    run_to_end(services.prepare(env, logs))
    say("Starting the shop, its worker and its clock")
    supervisor.add(services.beat(env, logs, demo), stops_first=True)
    supervisor.add(services.worker(env, logs), stops_first=True)
    supervisor.add(services.web(env, logs), stops_first=True)


def _wait_until_ready(supervisor: Supervisor, env: dict[str, str]) -> None:
    waiting = [
        f"http://{ports.LOOPBACK}:{env['BANK_PORT']}/ledger",
        f"http://{ports.LOOPBACK}:{env['SHOP_PORT']}/readyz",
    ]
    deadline = time.monotonic() + READY_SECONDS
    while waiting := [url for url in waiting if not ports.answers(url)]:
        supervisor.check()
        if time.monotonic() > deadline:
            raise EmbeddedError(f"{waiting[0]} did not answer within {READY_SECONDS:.0f} s.")
        time.sleep(0.1)


def _greet(env: dict[str, str], demo: Path, seconds: float) -> None:
    shop = env["SHOP_URL"]
    say(f"\nReady after {seconds:.0f} s.\n")
    say(f"  Shop   {shop}/")
    say(f"  Mails  {shop}/demo/mails/")
    login = f"user {secrets.STAFF_USER}, password {env['STAFF_PASSWORD']}"
    say(f"  Admin  {shop}/admin/   {login}, API token {env['STAFF_TOKEN']}")
    say("         one user a role with the same password: support, refunds, approver, operator")
    say(f"  Bank   http://{ports.LOOPBACK}:{env['BANK_PORT']}/")
    say(f"\nCtrl-C stops everything and keeps the data. Logs: {demo / 'logs'}")
