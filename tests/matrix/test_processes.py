"""Web and worker are killed, told to end, or stopped, while seven orders stand at seven points.

One run a signal: each order is held at the point of its step, the signal falls on both
processes, and everything goes on. The ledger of each order is one cell.
"""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from tests.journeys.conftest import Shopper
from tests.matrix.scene import REFUNDED_MINOR, refunders_token
from tests.matrix.table import Cell, tells
from tests.stack import Stack

pytestmark = pytest.mark.django_db(transaction=True)

#: The bank answers at once, so what a dead process held may soon be taken by another.
LEASE_SECONDS = "2"
WAITS_SECONDS = 40.0
HELD_IN_WEB = {
    "B": "payment.committed",
    "C": "gateway.answered",
    "W": "notification.stored",
    "X": "close.committed",
    "R": "refund.committed",
}
HELD_IN_WORKER = {"S": "outcome.recording", "P": "poll.answered"}
HELD = HELD_IN_WEB | HELD_IN_WORKER


def becomes(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAITS_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@dataclass
class Run:
    """Seven orders at seven points of one shop, and what became of them."""

    shop: Stack
    folder: Path
    orders: dict[str, Shopper] = field(default_factory=dict)
    under_way: dict[str, Future[Any]] = field(default_factory=dict)
    hits: dict[str, int] = field(default_factory=dict)
    ledgers: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(len(HELD))
        self.staff = {"Authorization": f"Token {refunders_token()}"}

    # --- to the points ----------------------------------------------------------------------------

    def come_to_the_points(self) -> None:
        goods = self.shop.client.get("/api/v1/products/").json()
        # Each its own good: the one that is held while it settles holds its good's stock row.
        for point, good in zip(HELD, goods, strict=False):
            self.orders[point] = Shopper(self.shop)
            assert self.orders[point].orders(good["sku"]).status_code == 201
        self.shop.kill("worker")
        self.shop.bank.faults(lose_notification=1.0)
        for point in HELD_IN_WORKER:
            self.pays(point, "redirect")
        self.shop.bank.faults()
        self.shop.kill("web")
        self.start(self.shop, self._holding(HELD_IN_WEB), self._holding(HELD_IN_WORKER))
        for point in HELD_IN_WORKER.values():
            self.wait_for(point)
        self.send("B", lambda: self.orders["B"].pays_by("qr"))
        self.send("C", lambda: self.orders["C"].pays_by("qr"))
        self.pays("W", "qr")
        self.wait_for(HELD["W"])
        self.orders["X"].pays_by("qr")
        self.send("X", self.orders["X"].cancels)
        self.pays("R", "qr")
        self.orders["R"].waits_for("paid", WAITS_SECONDS)
        self.send("R", self.refunds)
        self.hits = {p: int((self.folder / name).exists()) for p, name in HELD.items()}

    def pays(self, point: str, method: str) -> None:
        reference = self.orders[point].pays_by(method).json()["reference"]
        assert self.shop.bank.pay(reference).status_code == 200

    def send(self, point: str, request: Callable[[], Any]) -> None:
        """Ask, and return when the request stands at its point."""
        self.under_way[point] = self.pool.submit(request)
        self.wait_for(HELD[point])

    def wait_for(self, name: str) -> None:
        becomes((self.folder / name).exists, f"nobody came to {name}")

    def refunds(self) -> httpx.Response:
        reference = self.orders["R"].sees()["payments"][0]["reference"]
        body = {"amount_minor": REFUNDED_MINOR, "refunded_so_far_minor": 0, "reason": "broken"}
        headers = self.staff | {"Idempotency-Key": f"refund-of-{reference}"}
        path = f"/api/v1/payments/{reference}/refunds/"
        return self.orders["R"].shop.client.post(path, json=body, headers=headers)

    def start(self, shop: Stack, web: str = "", worker: str = "") -> None:
        """The worker comes up while the web does."""
        shop.start_worker(FAILPOINT=worker, PAYMENT_LEASE_SECONDS=LEASE_SECONDS)
        shop.start_web(FAILPOINT=web, PAYMENT_LEASE_SECONDS=LEASE_SECONDS)

    def let_go(self) -> None:
        (self.folder / "go").touch()

    def _holding(self, points: dict[str, str]) -> str:
        return ",".join(f"{name}:hold={self.folder}" for name in points.values())

    # --- the end ----------------------------------------------------------------------------------

    def finish(self, *points: str) -> None:
        """What everybody does by themselves, order by order."""
        for point in points:
            ada = self.orders[point]
            if point in ("B", "C"):
                becomes(lambda: shown(ada), f"{point} can never be paid")  # noqa: B023
                assert self.shop.bank.pay(ada.sees()["payments"][0]["reference"]).is_success
            if point == "X":
                becomes(lambda: ada.cancels().status_code == 200, "never cancelled")  # noqa: B023
            elif point == "R":
                assert self.refunds().status_code == 201
                ada.comes_to(ada.owes - REFUNDED_MINOR, WAITS_SECONDS)
            else:
                ada.waits_for("paid", WAITS_SECONDS)

    def read(self) -> None:
        """What the bank's ledger says of each order; nothing is under way any more."""
        for point, ada in self.orders.items():
            seen = ada.sees()
            references = [p["reference"] for p in seen["payments"]]
            rows = self.shop.bank.ledger(*references)
            self.ledgers[point] = [(row["kind"], row["amount_minor"]) for row in rows]
            self.states[point] = seen["state"]
        opened = {p["reference"] for p in self.shop.bank.payments()}
        assert len(opened) == len(self.orders), "an order was opened twice at the bank"


def shown(ada: Shopper) -> bool:
    answer = ada.pays_by("qr")
    return answer.is_success and answer.json()["presentation"] is not None


def killed(run: Run) -> None:
    for name in ("web", "worker"):
        run.shop.signal(name, signal.SIGKILL)
        assert run.shop.wait_for_death(name) == -signal.SIGKILL
    run.start(run.shop)
    run.finish(*HELD)


def told_to_end(run: Run) -> None:
    """A deploy: what is under way may be finished, and both are replaced."""
    for name in ("web", "worker"):
        run.shop.signal(name, signal.SIGTERM)
    threading.Timer(0.3, run.let_go).start()
    for name in ("web", "worker"):
        run.shop.wait_for_death(name, WAITS_SECONDS)
    run.start(run.shop)
    run.finish(*HELD)


def stopped(run: Run) -> None:
    """Others take over while both stand still for longer than every lease; then they wake."""
    others = Stack()
    others.bank.client.close()
    others.bank = run.shop.bank
    for name in ("web", "worker"):
        run.shop.signal(name, signal.SIGSTOP)
    try:
        run.start(others)
        for ada in run.orders.values():
            ada.shop = others
        # The stopped worker holds the lock of S: everybody else waits for it.
        run.finish(*(point for point in HELD if point != "S"))
        for name in ("web", "worker"):
            run.shop.signal(name, signal.SIGCONT)
        run.let_go()
        run.finish("S")
        for answer in run.under_way.values():
            answer.result(WAITS_SECONDS)
        time.sleep(1)  # what woke up without a request may still do its work
        run.read()
    finally:
        for name in ("web", "worker"):
            run.shop.signal(name, signal.SIGCONT)
            others.kill(name)
        others.put_away()


SIGNALS = {"sigkill": killed, "sigterm": told_to_end, "sigstop": stopped}


@pytest.fixture(scope="module")
def runs(stack_processes: Stack) -> Callable[[str], Run]:
    """The run of a signal, made when its first cell asks for it; one that failed fails all."""

    @cache
    def run_of(name: str) -> Run | Exception:
        try:
            with tempfile.TemporaryDirectory() as folder:
                return run_under(SIGNALS[name], stack_processes, Path(folder))
        except Exception as error:  # noqa: BLE001 - told by every cell of this run
            return error

    def run(name: str) -> Run:
        made = run_of(name)
        if isinstance(made, Exception):
            raise made
        return made

    return run


def run_under(signal_falls: Callable[[Run], None], shop: Stack, folder: Path) -> Run:
    shop.take_over().bank.reset()
    call_command("seed", verbosity=0)
    run = Run(shop, folder)
    patience, shop.client.timeout = shop.client.timeout, httpx.Timeout(2 * WAITS_SECONDS)
    try:
        run.come_to_the_points()
        signal_falls(run)
        if not run.ledgers:
            run.read()
    finally:
        run.let_go()
        run.pool.shutdown()
        shop.client.timeout = patience
        for name in ("web", "worker"):
            shop.kill(name)
    return run


@tells(sigkill="BCSWPXR", sigterm="BCSWPXR", sigstop="BCSWPXR")
def test_processes_end_and_stand_still_and_money_does_not_care(
    cell: Cell, runs: Callable[[str], Run]
):
    run = runs(cell.fault)
    total = run.orders[cell.point].owes
    assert run.hits[cell.point] == 1
    paid, refunded = ("charge", total), ("refund", REFUNDED_MINOR)
    # "0" while the attempt was only on disk: nothing was taken, and then it was paid once.
    end = "1" if cell.point == "B" else cell.end
    assert run.ledgers[cell.point] == {"1": [paid], "0": [], "Rf": [paid, refunded]}[end]
    assert run.states[cell.point] == ("cancelled" if cell.point == "X" else "paid")
