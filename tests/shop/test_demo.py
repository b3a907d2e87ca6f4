"""`make demo` as a person runs it: from an empty folder until it is stopped."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shop import embedded
from tests.shop.processes import PROJECT, processes_of, wait_until
from tests.test_architecture import tracked

READY_SECONDS = 90.0


class Demo:
    """A running demo on ports of its own."""

    def __init__(self, folder: Path, command: list[str], data: Path | None = None) -> None:
        self.folder, self.command, self.data = folder, command, data or folder / ".data"
        self.said = folder / "said.txt"
        self.servers: dict[str, str] = {}
        self.ports = [free_port(), free_port()]

    def start(self) -> None:
        self.launch()
        if not wait_until(lambda: "Ready" in self.said.read_text() or self.ended(), READY_SECONDS):
            pytest.fail(f"not ready: {self.said.read_text()}")
        assert not self.ended(), self.said.read_text()

    def launch(self) -> None:
        # Nothing of this test process's own settings: the demo makes all it needs.
        inherited = {k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ}
        shop, bank = map(str, self.ports)
        env = inherited | {"SHOP_PORT": shop, "BANK_PORT": bank, "DEMO_DATA": str(self.data)}
        env |= self.servers
        with self.said.open("w") as output:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=env, stdout=output, stderr=output,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def ended(self) -> bool:
        return self.process.poll() is not None

    def stop(self, how: signal.Signals) -> None:
        os.killpg(self.process.pid, how)
        self.process.wait(30)

    def call(self, method: str, path: str, body: object = None, port: int = 0) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[port]}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def order(self) -> str:
        """Place an order; its public id."""
        sku = self.call("GET", "/api/v1/products/")[0]["sku"]
        body = {"email": "ada@example.com", "lines": [{"sku": sku, "quantity": 1}]}
        placed: str = self.call("POST", "/api/v1/orders/", body)["public_id"]
        return placed

    def pid_of(self, service: str) -> int:
        return next(int(p.split()[0]) for p in processes_of(self.data) if service in p)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def demo(home: Path) -> Iterator[Demo]:
    """The demo of this work tree, with data of its own."""
    demo = Demo(home.parent, [sys.executable, str(PROJECT / "manage.py"), "demo"], home)
    yield demo
    if not demo.ended():
        demo.stop(signal.SIGKILL)


@pytest.fixture
def private_clone(home: Path) -> Iterator[Demo]:
    """`make demo` in a copy of this work tree that only its owner may enter."""
    folder = home.parent / "clone"
    folder.mkdir(mode=0o700)
    for path in tracked():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / path, folder / path)
    (folder / ".venv").symlink_to(sys.prefix)
    # Everything is installed here, or this test would not run: make need not look again.
    shutil.copy2(PROJECT / "requirements.txt", Path(sys.prefix, ".runtime"))
    demo = Demo(folder, ["make", "demo"])
    yield demo
    if not demo.ended():
        demo.stop(signal.SIGKILL)
    shutil.rmtree((folder / ".data").resolve(), ignore_errors=True)


def test_make_demo_in_a_private_folder_keeps_its_orders_over_two_stops(private_clone):
    private_clone.start()
    said = private_clone.said.read_text()
    for line in ("Shop   http://127", "Admin  http://127", "Bank   http://127", "password"):
        assert line in said
    placed = private_clone.order()
    for how in (signal.SIGTERM, signal.SIGINT):
        private_clone.stop(how)
        assert processes_of(private_clone.folder, private_clone.data) == []
        assert "Traceback" not in private_clone.said.read_text()
        private_clone.start()
        assert private_clone.call("GET", f"/api/v1/orders/{placed}/")["state"] == "unpaid"
    private_clone.stop(signal.SIGTERM)
    assert private_clone.folder.stat().st_mode & 0o777 == 0o700


def test_killed_service_comes_back_and_killed_launcher_leaves_nothing(demo):
    demo.start()
    os.kill(demo.pid_of("uvicorn"), signal.SIGKILL)
    assert wait_until(lambda: "web ended unexpectedly" in demo.said.read_text())
    assert wait_until(lambda: answers(demo), 30)
    demo.stop(signal.SIGKILL)
    assert wait_until(lambda: processes_of(demo.data) == [])


def test_servers_of_ones_own_are_used_and_left_running(demo):
    own = embedded.start(demo.folder / "own", durable=False)
    demo.servers = {"DATABASE_URL": own.database_url, "REDIS_URL": own.redis_url}
    demo.start()
    placed = demo.order()
    demo.stop(signal.SIGINT)
    assert "Starting PostgreSQL" not in demo.said.read_text()
    assert not (demo.data.resolve() / "shop").exists()
    with psycopg.connect(own.database_url) as connection:
        # Beside the past that every demo begins with.
        known = connection.execute(
            "SELECT public_id FROM orders_order WHERE email NOT LIKE 'history-%'"
        ).fetchall()
    assert known == [(placed,)]
    own.stop()


def answers(demo: Demo) -> bool:
    try:
        return bool(demo.call("GET", "/readyz")["database"])
    except OSError:
        return False


def test_second_copy_and_taken_port_are_refused_in_plain_words(demo):
    demo.start()
    second = Demo(demo.folder, demo.command, demo.data)
    second.said = demo.folder / "second.txt"
    second.launch()
    assert second.process.wait(20) == 1
    assert "A second copy is running" in second.said.read_text()
    elsewhere = Demo(demo.folder, demo.command, demo.data.with_name("elsewhere"))
    elsewhere.said, elsewhere.ports = demo.folder / "elsewhere.txt", demo.ports
    elsewhere.launch()
    assert elsewhere.process.wait(20) == 1
    assert f"Port {demo.ports[0]} is taken" in elsewhere.said.read_text()
    assert "Traceback" not in second.said.read_text() + elsewhere.said.read_text()
    demo.stop(signal.SIGTERM)


def test_early_signal_stops_a_demo_that_is_still_starting(demo):
    for pause in (0.05, 0.3, 1.0, 2.0):
        demo.launch()
        time.sleep(pause)
        demo.stop(signal.SIGTERM)
        assert wait_until(lambda: processes_of(demo.data) == []), processes_of(demo.data)
    demo.start()
    demo.stop(signal.SIGINT)
