"""Run docker-compose.yml's own commands with its own environment, as plain processes.

For machines without a container engine, and for the test that buys something from them:

    python scripts/compose_processes.py            # starts, buys, stops, says how long each took

PostgreSQL and Valkey come from the embedded wheels. What a container would be told by name is
told by address instead (`where`), and one variable is added: ALLOW_EMBEDDED=1, because without
DEBUG the shop refuses these two servers. Nothing else differs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.compose_file import compose as compose  # noqa: E402
from scripts.compose_file import interpolate as interpolate  # noqa: E402
from scripts.compose_file import made_up as made_up  # noqa: E402
from shop import embedded  # noqa: E402
from shop.embedded.process import dies_with_us  # noqa: E402

#: Services whose containers run our own image, in the order of their start.
LASTING = ("bank", "web", "worker", "beat")
STARTS_WITHIN_SECONDS = 30.0


def seconds(told: str) -> float:
    """`90s` and `2m` as seconds."""
    return float(told[:-1]) * {"s": 1, "m": 60}[told[-1]]


def free_port() -> int:
    """A port of the loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Machine:
    """The compose file's services on this machine; `where` is each name's real address."""

    services: dict[str, Any]
    where: dict[str, str]
    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def environment(self, service: str) -> dict[str, str]:
        """What the container would see, with addresses for names."""
        told = self.services[service].get("environment", {})
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        # Of the image: files with hashed names, and unbuffered output.
        image = {"STATIC_ROOT": str(self.folder / "static"), "PYTHONUNBUFFERED": "1"}
        own = {name: self.placed(str(value)) for name, value in told.items()}
        return {**kept, **image, **own, "ALLOW_EMBEDDED": "1"}

    def command(self, service: str) -> list[str]:
        """The service's own command, by this interpreter's own programs."""
        program, *arguments = map(self.placed, self.services[service]["command"])
        found = Path(sys.executable).parent / program
        return [str(found), *arguments]

    def placed(self, text: str) -> str:
        """Names of containers, ports and folders as they are here."""
        for name, here in self.where.items():
            text = text.replace(name, here)
        return text

    def run(self, service: str) -> None:
        """Run a service that ends by itself. Raises CalledProcessError."""
        with (self.folder / f"{service}.log").open("wb") as log:
            subprocess.run(
                self.command(service),
                cwd=ROOT,
                env=self.environment(service),
                stdout=log,
                stderr=subprocess.STDOUT,
                check=True,
            )

    def start(self, service: str) -> None:
        """Start a service that lasts."""
        with (self.folder / f"{service}.log").open("wb") as log:
            self.running[service] = subprocess.Popen(
                self.command(service),
                cwd=ROOT,
                env=self.environment(service),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dies_with_us(signal.SIGKILL),
            )

    def stop(self, service: str) -> tuple[int, float]:
        """Stop it as compose would; its exit code and the seconds it took."""
        process = self.running.pop(service)
        name = self.services[service].get("stop_signal", "SIGTERM")
        grace = seconds(self.services[service].get("stop_grace_period", "10s"))
        began = time.monotonic()
        process.send_signal(signal.Signals[name])
        try:
            code = process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return code, time.monotonic() - began

    def kill(self) -> None:
        """Leave nothing behind, whatever happened."""
        for process in self.running.values():
            process.kill()
            process.wait()
        self.running.clear()

    def log(self, service: str) -> str:
        """What it said, for whoever looks for a reason."""
        return (self.folder / f"{service}.log").read_text(errors="replace")[-2000:]


def ask(url: str, body: object = None, **headers: str) -> Any:
    """GET, or POST of JSON; the answer's JSON or text."""
    data = None if body is None else json.dumps(body).encode()
    told = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4()), **headers}
    request = urllib.request.Request(url, data, told)  # noqa: S310 - our own http address  # nosec B310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # nosec B310
        text = answer.read().decode()
        return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text


def wait_for(machine: Machine, what: str, well: Any) -> None:
    """Look until `well()` is true. Raises RuntimeError with the logs' ends."""
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            if well():
                return
        except OSError:
            pass
        if ended := [n for n, p in machine.running.items() if p.poll() is not None]:
            break
        time.sleep(0.1)
    else:
        ended = list(machine.running)
    logs = "\n".join(f"--- {name}\n{machine.log(name)}" for name in ended)
    raise RuntimeError(f"{what} did not come about\n{logs}")


def buy(machine: Machine, shop: str, bank: str) -> str:
    """One purchase by QR code, as a shopper and the shopper's phone; the order's number."""
    sku = ask(f"{shop}/api/v1/products/")[0]["sku"]
    wish = {"email": "ada@example.com", "lines": [{"sku": sku, "quantity": 1}]}
    order = ask(f"{shop}/api/v1/orders/", wish)
    page = f"{shop}/api/v1/orders/{order['public_id']}/"
    payment = ask(f"{page}payments/", {"method": "qr"})
    ask(f"{bank}/payments/{payment['reference']}/pay", {})
    wait_for(machine, "the paid order", lambda: ask(f"{page}status/")["state"] == "paid")
    return str(order["number"])


def figures(shop: str, token: str) -> dict[str, float]:
    """Every sample without labels of the web's /metrics."""
    text = ask(f"{shop}/metrics", Authorization=f"Bearer {token}")
    found = re.findall(r"^(payonce_\w+) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


@dataclass(frozen=True)
class Running:
    """Everything of the compose file, ready; where it is reached."""

    machine: Machine
    shop: str
    bank: str
    metrics_token: str
    database_url: str
    ready_after_seconds: float


@contextlib.contextmanager
def started(folder: Path, **told: str) -> Iterator[Running]:
    """Start everything and wait until it is ready; nothing of it is left afterwards.

    `told` are more variables of the .env file.
    """
    env_file = made_up() | told
    shop_port, bank_port, worker_port = free_port(), free_port(), free_port()
    shop, bank = f"http://127.0.0.1:{shop_port}", f"http://127.0.0.1:{bank_port}"
    env_file |= {"SHOP_URL": shop, "BANK_PUBLIC_URL": bank}
    services = compose(env_file)["services"]
    dsn = services["web"]["environment"]["DATABASE_URL"]
    with embedded.servers(folder / "data", durable=False) as servers_at:
        where = {
            dsn: servers_at.database_url,
            "redis://valkey:6379/0": servers_at.redis_url,
            "http://bank:8001": bank,
            "http://web:8000": shop,
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - of a container, not of this machine  # nosec B104, B108
            "--port=8000": f"--port={shop_port}",
            "8001": str(bank_port),
            "9101": str(worker_port),
            "/var/lib/payonce": str(folder / "bank"),
            "/tmp/beat-schedule": str(folder / "beat-schedule"),  # noqa: S108 - the container's  # nosec B104, B108
        }
        machine = Machine(services, where, folder)
        try:
            began = time.monotonic()
            _start(machine, shop, bank, worker_port)
            token, url = env_file["METRICS_TOKEN"], servers_at.database_url
            yield Running(machine, shop, bank, token, url, time.monotonic() - began)
        finally:
            machine.kill()


def _start(machine: Machine, shop: str, bank: str, worker_port: int) -> None:
    machine.run("prepare")
    for service in LASTING:
        machine.start(service)
    wait_for(machine, "the bank", lambda: ask(f"{bank}/ledger"))
    wait_for(machine, "the web", lambda: ask(f"{shop}/readyz"))
    worker = f"http://127.0.0.1:{worker_port}/metrics"
    wait_for(machine, "the worker", lambda: "payonce_polls_total" in ask(worker))


def rehearse(folder: Path) -> dict[str, Any]:
    """Start everything, buy, stop; what was seen. Raises when something is not as promised."""
    with started(folder) as running:
        machine = running.machine
        number = buy(machine, running.shop, running.bank)

        def ticked() -> bool:
            seen = figures(running.shop, running.metrics_token)
            return seen["payonce_beat_age_seconds"] < 60

        wait_for(machine, "beat's tick through a worker", ticked)
        stopped = {}
        for service in ("web", "beat", "worker", "bank"):
            code, took = machine.stop(service)
            stopped[service] = {"code": code, "seconds": round(took, 1)}
    ready = round(running.ready_after_seconds, 1)
    return {"ready_after_seconds": ready, "order": number, "stopped": stopped}


def main() -> int:
    """Rehearse in a temporary folder; 0 when everything was as promised."""
    with tempfile.TemporaryDirectory(prefix="compose-") as folder:
        # Under root the servers run as somebody else, who must pass through.
        Path(folder).chmod(0o711)
        sys.stdout.write(json.dumps(rehearse(Path(folder)), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
