"""Keep the services running until a signal, and never leave one behind."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator

from shop.embedded import EmbeddedError
from shop.embedded.process import PR_SET_PDEATHSIG, Child, Program

# A program that ends this often within a minute will not recover by being started again.
RESTARTS_PER_MINUTE_MAX = 5
LOOK_SECONDS = 0.3
# Of a traceback the end is the cause; the log holds the rest.
LAST_LINES = 6

Say = Callable[[str], None]


class StopAsked(BaseException):
    """A signal asked the demo to end. Not an Exception: nothing on the way may swallow it."""


class Signals:
    """SIGINT, SIGTERM and SIGHUP raise StopAsked in the main thread, once.

    `make` passes SIGTERM on to a launcher that got it already, and people press Ctrl-C again:
    what is being stopped must not be interrupted.
    """

    def __init__(self) -> None:
        """Take over the signals for the rest of this process."""
        self.quiet = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        if not self.quiet:
            self.quiet = True
            raise StopAsked


class Supervisor:
    """The running services; stopped in the order in which they were added, each one waited for."""

    def __init__(self, say: Say) -> None:
        """Begin with no service."""
        self._say = say
        self._children: list[Child] = []
        self._restarts: deque[float] = deque(maxlen=RESTARTS_PER_MINUTE_MAX)

    def add(self, program: Program, *, stops_first: bool = False) -> None:
        """Start a service and keep it; it stops after the others, or before all of them."""
        self._children.insert(0 if stops_first else len(self._children), Child(program))

    def check(self) -> None:
        """Raise EmbeddedError when a service has ended by itself."""
        for child in self._children:
            if not child.running:
                raise EmbeddedError(_ended(child))

    def watch(self, servers: list[Child]) -> None:
        """Restart what ends by itself, until StopAsked; EmbeddedError when that is no use.

        `servers` are looked after as well, but stay with whoever started them.
        """
        while True:
            for children in (servers, self._children):
                for index, child in enumerate(children):
                    if not child.running:
                        children[index] = self._again(child)
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Stop one after the other: the web first, so that nobody sees a half-stopped shop."""
        for child in self._children:
            child.stop()
        self._children.clear()

    def _again(self, child: Child) -> Child:
        now = time.monotonic()
        if len(self._restarts) == RESTARTS_PER_MINUTE_MAX and now - self._restarts[0] < 60:
            raise EmbeddedError(f"{_ended(child)}\nIt keeps ending; giving up.")
        self._restarts.append(now)
        code = child.process.returncode
        self._say(f"{child.program.name} ended unexpectedly (code {code}); starting it again")
        child.stop()
        return Child(child.program)


def run_to_end(program: Program) -> None:
    """Run a program until it ends; raises EmbeddedError with its last words when it fails."""
    child = Child(program)
    try:
        if child.process.wait() != 0:
            raise EmbeddedError(_ended(child))
    finally:
        child.stop()


@contextlib.contextmanager
def stopped_at_the_end(signals: Signals, supervisor: Supervisor) -> Iterator[None]:
    """Stop every service on the way out, whatever the cause, and let no signal interrupt that."""
    try:
        yield
    finally:
        signals.quiet = True
        supervisor.stop()


def end_with_make() -> None:
    """Under `make`, end in order when only `make` itself is killed."""
    if "MAKELEVEL" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))


def _ended(child: Child) -> str:
    program = child.program
    end = "\n".join(child.last_words().strip().splitlines()[-LAST_LINES:])
    return (
        f"{program.name} ended with code {child.process.returncode}, saying\n{end}\n({program.log})"
    )
