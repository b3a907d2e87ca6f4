"""The fault matrix as data: every fault, at every step of a purchase, and how it must end.

Steps: B begin committed, C call sent to answered, S settle, W webhook received to 2xx, P poll
asked to written, X cancel and close, R refund written to booked. Each cell that is not "-" has
exactly one test; docs/fault-matrix.md shows where.

A cell begins with its end, as the bank's own ledger must show it:

    1     paid once
    0     nothing was paid; the order may be paid again, or is cancelled
    1x    paid once; what came twice went back by itself
    Rf    sent back exactly once
    503   refused in words, nothing written at our side or asked of the bank; a repeat works
    same  nothing of it: the ledger is what it was
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

POINTS = {
    "B": "begin",
    "C": "call",
    "S": "settle",
    "W": "webhook",
    "P": "poll",
    "X": "cancel",
    "R": "refund",
}
ENDS = {"1", "0", "1x", "Rf", "503", "same"}


@dataclass(frozen=True)
class Row:
    """A fault, and how each step ends under it."""

    name: str
    told: str
    cells: tuple[str, ...]

    def at(self, point: str) -> str:
        return self.cells[list(POINTS).index(point)]


def row(name: str, told: str, *cells: str) -> Row:
    assert len(cells) == len(POINTS), name
    return Row(name, told, cells)


# fmt: off
ROWS = (
    # name, told, then B, C, S, W, P, X, R
    row("sigkill", "SIGKILL of web or worker",
        "0", "1", "1", "1 redelivered", "1", "0", "Rf"),
    row("sigterm", "SIGTERM: a deploy",
        "0", "1 finishes", "1", "1", "1", "0", "Rf"),
    row("sigstop", "SIGSTOP until others went on, then CONT",
        "1 lock", "1", "1 no-op", "1 no-op", "1 verdict refused", "0 no-op", "Rf same key"),
    row("answer-lost", "the bank did it, its answer is lost",
        "-", "1", "-", "-", "1 next poll", "0 re-asked", "Rf same key"),
    row("front-504", "our own front answers 504, the worker goes on",
        "-", "1 same attempt", "1", "1 redelivered", "-", "0 same", "Rf one"),
    row("late-request", "the request arrives after our timeout, or after the cancel",
        "-", "1x or 1", "-", "-", "1 not final", "0 or 1", "Rf"),
    row("5xx", "the bank answers 5xx, before or after the effect",
        "-", "1 or 0", "-", "-", "1 retry", "0 retry", "Rf retry"),
    row("unreachable", "refused, no name, no TLS, breaker open",
        "-", "0 in doubt", "-", "-", "1 retry", "0 kept open", "Rf pending"),
    row("decline-then-success", "a decline, then success on the same object",
        "-", "1", "-", "1 any order", "1", "-", "-"),
    row("double-click", "double click, two tabs, two channels",
        "1 one wins", "1", "1", "-", "-", "1 close first", "-"),
    row("webhook", "webhook lost, twice, 100 times, days late, early, reordered",
        "-", "1", "1", "1", "1", "1 or 1x", "Rf"),
    row("webhook-after-refund", "webhook after a staff refund",
        "-", "-", "same", "same", "-", "-", "Rf"),
    row("commit-lost", "COMMIT is done, its answer is lost",
        "1 no second attempt", "-", "1", "1 redelivered", "1", "0 or 1", "Rf"),
    row("lock", "lock timeout, deadlock, serialization failure",
        "503", "-", "1 retried", "503", "1 retried", "503", "Rf retried"),
    row("restart", "PostgreSQL restarts",
        "503", "1 in doubt", "1", "503 redelivered", "1", "503", "Rf"),
    row("failover-sync", "failover to a synchronous replica",
        "1 nothing lost", "1", "1", "1", "1", "0", "Rf"),
    row("failover-async", "failover that loses the last commits",
        "1 or 1x adopted", "1 adopted", "1 settled again", "1 read again", "1", "0 re-asked",
        "Rf adopted"),
    row("black-hole", "the database takes everything and says nothing",
        "503 in time", "1 in doubt", "1 later", "503 no 2xx", "1 later", "503", "Rf pending"),
    row("redis", "Redis down, emptied, a black hole",
        "1", "1", "1", "1", "1 sweep", "0", "Rf"),
    row("queue", "the queue delivers twice, never, out of order",
        "-", "-", "1", "1", "1", "0", "Rf"),
    row("clock", "a node's clock is an hour away",
        "-", "-", "-", "1 in tolerance or polled", "1 horizon by database", "-", "-"),
    row("pool", "no connection is free",
        "503", "-", "1", "503", "1 later", "503", "Rf later"),
    row("disk-full", "PostgreSQL's disk is full",
        "503", "1 in doubt", "1 after space", "503 no 2xx", "1 later", "503", "Rf pending"),
    row("slow-bank", "the bank needs 10 s, or is down for 10 minutes",
        "503 or checking", "1 in doubt", "1", "-", "1 backoff", "-", "Rf pending"),
    row("refund-fails", "a refund is accepted and fails later",
        "-", "-", "-", "-", "Rf new key", "-", "Rf or visible"),
    row("two-staff", "two staff, too much, beside an automatic refund",
        "-", "-", "-", "-", "-", "-", "Rf one wins"),
    row("orphan", "the bank has what we lack",
        "-", "1 adopted", "1 or 1x", "-", "1 daily list", "-", "Rf booked"),
)
# fmt: on


@dataclass(frozen=True)
class Cell:
    """One fault at one step; `told` are the matrix's words about its end."""

    fault: str
    point: str
    told: str

    def __str__(self) -> str:
        return f"{self.fault}-{self.point}"

    @property
    def end(self) -> str:
        """The first end that the cell names; a second one is told by a variant of its test."""
        return self.told.split()[0]

    @property
    def ends(self) -> set[str]:
        return set(self.told.split()) & ENDS


CELLS = {
    str(cell): cell
    for r in ROWS
    for point in POINTS
    if (cell := Cell(r.name, point, r.at(point))).told != "-"
}
#: Cell -> the test that tells it: "tests/matrix/test_x.py::test_y".
TOLD: dict[str, str] = {}


def tells(**points: str) -> Callable[[Any], Any]:
    """Marks a test as the one of these cells: `@tells(lock="BSW", pool="B")`; it gets `cell`."""
    cells = [
        CELLS[f"{fault.replace('_', '-')}-{point}"]
        for fault, these in points.items()
        for point in these
    ]

    def mark(test: Any) -> Any:
        name = f"{test.__module__.replace('.', '/')}.py::{test.__name__}"
        for cell in cells:
            if TOLD.setdefault(str(cell), name) != name:
                raise ValueError(f"{cell} is told by {TOLD[str(cell)]} and by {name}")
        return pytest.mark.parametrize("cell", cells, ids=str)(test)

    return mark
