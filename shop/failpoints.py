"""Named points where a test strikes; elsewhere they do nothing.

A process is struck by its environment: `FAILPOINT=payment.committed` ends the process that
reaches this point by SIGKILL, as a power cut would: no exception is raised, nothing is cleaned
up. `FAILPOINT=payment.committed:hold=/folder` lets the first who comes write a file there with
the point's name, and wait until the folder holds a file `go`. Several are divided by commas.

A test in the same process uses `strike`. The settings refuse to start with either outside of
DEBUG.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.conf import settings

#: Every point, and what has just happened when it is reached.
POINTS = {
    "payment.writing": "the attempt is written but not committed",
    "payment.committed": "the attempt is on disk, the gateway has not been asked",
    "gateway.answered": "the gateway has answered, nothing of it is recorded",
    "poll.answered": "the gateway has answered a question, nothing of it is recorded",
    "outcome.recording": "the outcome is written but not committed",
    "outcome.committed": "the outcome is committed, nobody has been told",
    "close.writing": "the wish to close is written but not committed",
    "close.committed": "the wish to close is on disk, the gateway has not been asked",
    "refund.writing": "the refund is written but not committed",
    "refund.committed": "the refund is on disk, the gateway has not been asked",
    "refund.answered": "the gateway has answered about a refund, nothing is recorded",
    "notification.storing": "the notification is genuine, nothing of it is on disk",
    "notification.stored": "the notification is on disk, not acknowledged",
    "relay.claimed": "the relay has taken a message, nothing is delivered",
    "post.sent": "a mail or notification went out, its row does not say so",
    "relay.delivering": "a subscriber has been told, the message is not marked done",
}
#: Nobody is held for longer: a test that forgets to let go fails by itself.
HELD_SECONDS_MAX = 60.0


@dataclass
class Strike:
    """What happens at a point, to the first `times` who come; `hits` counts them."""

    act: Callable[[], None]
    times: int
    hits: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> None:
        with self._lock:
            if self.hits >= self.times:
                return
            self.hits += 1
        self.act()


_strikes: dict[str, Strike] = {}


def reach(point: str) -> None:
    """Do here what a test asked for."""
    struck = _strikes.get(point) or _told(settings.FAILPOINT).get(point)
    if struck is not None:
        struck()


@contextmanager
def strike(point: str, act: Callable[[], None], *, times: int = 1) -> Iterator[Strike]:
    """Let `act` happen at a point of this process, within the block; it may raise."""
    if not settings.FAILPOINTS:
        raise RuntimeError("Points can be struck in tests alone: FAILPOINTS=1 with DEBUG=1.")
    if point not in POINTS or point in _strikes:
        raise ValueError(f"{point} is no point, or is struck already")
    _strikes[point] = Strike(act, times)
    try:
        yield _strikes[point]
    finally:
        del _strikes[point]


@cache
def _told(environment: str) -> dict[str, Strike]:
    """The strikes that the environment names."""
    found = {}
    for one in filter(None, environment.split(",")):
        point, _, how = one.partition(":")
        found[point] = Strike(_die, times=1)
        if how:
            found[point].act = _holding(point, Path(how.removeprefix("hold=")))
    return found


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _holding(point: str, folder: Path) -> Callable[[], None]:
    def hold() -> None:
        (folder / point).touch()
        deadline = time.monotonic() + HELD_SECONDS_MAX
        while not (folder / "go").exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    return hold
