"""One child process that never outlives its launcher."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from shop.embedded.place import Account

PR_SET_PDEATHSIG = 1
# Loaded before any fork: a child between fork and exec may not load libraries.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None

TAIL_BYTES = 2000
# A log longer than this begins anew at the next start.
LOG_BYTES_MAX = 5 * 1024 * 1024


@dataclass(frozen=True)
class Program:
    """How to run one server or service, and how to end it."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str]
    cwd: Path
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    #: Sent by the kernel when the launcher is killed. SIGKILL is the only sure one for a program
    #: that may be waiting for a server that dies at the same moment.
    death_signal: signal.Signals = signal.SIGKILL
    account: Account | None = None
    keep_fds: Sequence[int] = field(default_factory=tuple)


class Child:
    """A running program in a process group of its own.

    Start it from the main thread: Linux ties a child's death signal to the *thread* that made it.
    """

    def __init__(self, program: Program) -> None:
        """Start the program; its output is appended to its log."""
        self.program = program
        self.stopped = False
        too_long = program.log.exists() and program.log.stat().st_size > LOG_BYTES_MAX
        with program.log.open("wb" if too_long else "ab") as log:
            self.process = subprocess.Popen(
                program.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=program.cwd,
                env=program.env,
                start_new_session=True,
                pass_fds=tuple(program.keep_fds),
                preexec_fn=dies_with_us(program.death_signal),
                umask=0o077,
                **as_account(program.account),
            )

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the stop signal and return at once."""
        if self.running:
            self.process.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """Ask it to stop, wait, and kill whatever of its group is left; repeating does nothing."""
        if self.stopped:
            return
        self.stopped = True
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(self.program.stop_seconds)
        # Also after an orderly end: a program may leave children of its own behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        return tail_of(self.program.log)


def tail_of(log: Path) -> str:
    """The last lines of a log file, for an error message."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace")


class RunAs(TypedDict):
    """The arguments of Popen that say whom a child runs as; None is the caller's own user."""

    user: int | None
    group: int | None
    extra_groups: list[str | int] | None


def as_account(account: Account | None) -> RunAs:
    """Make a child run as this account, and in none of the caller's groups."""
    if account is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def bare_environment() -> dict[str, str]:
    """An environment for the servers: nothing of the caller's PGPORT, LC_* or PGDATA."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def dies_with_us(death_signal: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` that makes the kernel send this signal to the child when we are gone."""
    libc, parent = _libc, os.getpid()
    if libc is None:
        return None

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
        # The launcher may have died before the kernel knew of the tie.
        if os.getppid() != parent:
            os._exit(1)

    return tie
