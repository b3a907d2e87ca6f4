"""Hosts made of network namespaces: one bridge in a namespace of its own, one cable to each host.

Nothing of the machine's own network is touched, and nothing in here reaches it. Needs root and
`ip netns` (Debian's iproute2).
"""

import concurrent.futures
import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from scripts.hosts import plan
from shop.embedded.errors import EmbeddedError
from shop.embedded.place import Account

NAMED = re.compile(r"payonce-(\d+)-\w+")
CLONE_NEWNET = 0x40000000
NAMESPACES = Path("/run/netns")
T = TypeVar("T")


def check_possible() -> None:
    """Raise EmbeddedError with a reason when this machine does not allow it."""
    if not sys.platform.startswith("linux"):
        raise EmbeddedError("Hosts are made of Linux network namespaces; this is no Linux.")
    if os.geteuid() != 0:
        raise EmbeddedError("Making hosts needs root: sudo make hosts.")
    for program, package in (("ip", "iproute2"), ("setpriv", "util-linux"), ("pgbouncer",) * 2):
        if not shutil.which(program):
            raise EmbeddedError(f"`{program}` is missing: install your system's {package}.")
    name = f"payonce-{os.getpid()}-try"
    try:
        _ip("netns", "add", name)
        _ip("netns", "exec", name, "ip", "link", "set", "lo", "up")
        _ip("-n", name, "link", "add", "name", "one", "type", "veth", "peer", "name", "two")
        _ip("-n", name, "link", "add", "name", "lan", "type", "bridge")
    except EmbeddedError as error:
        raise EmbeddedError(f"This machine allows no namespaces of its own: {error}") from error
    finally:
        with contextlib.suppress(EmbeddedError):
            _ip("netns", "del", name)


class Network:
    """`with Network() as network:` every host of the plan, joined."""

    def __init__(self) -> None:
        self._prefix = f"payonce-{os.getpid()}"
        self._switch = f"{self._prefix}-switch"

    def __enter__(self) -> "Network":
        remove_leftovers()
        try:
            _ip("netns", "add", self._switch)
            _ip("-n", self._switch, "link", "add", "name", "lan", "type", "bridge")
            _ip("-n", self._switch, "link", "set", "lan", "up")
            for host in plan.HOSTS:
                self._add(host)
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Take every namespace away; repeating does nothing."""
        for name in _namespaces():
            if name.startswith(f"{self._prefix}-"):
                _ip("netns", "del", name)

    def cut(self, host: str) -> None:
        """Pull the host's cable: packets are lost in both directions, without a word."""
        _ip("-n", self._switch, "link", "set", host, "down")

    def join(self, host: str) -> None:
        """Plug the cable in again."""
        _ip("-n", self._switch, "link", "set", host, "up")

    def command(
        self,
        host: str,
        argv: Sequence[str],
        account: Account | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> list[str]:
        """The same command on that host, by that account, dying with whoever started it."""
        who: list[str] = []
        if account:
            # Changing the user makes the kernel forget the tie to us: it is tied again.
            who = ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}"]
            who += ["--clear-groups", "--pdeathsig", death_signal.name.removeprefix("SIG"), "--"]
        return ["ip", "netns", "exec", self._name(host), *who, *argv]

    def inside(self, host: str, function: Callable[[], T]) -> T:
        """What the function returns when it runs on that host, in a thread of its own."""
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            return thread.submit(self._moved, host, function).result()

    def _moved(self, host: str, function: Callable[[], T]) -> T:
        libc = ctypes.CDLL(None, use_errno=True)
        door = os.open(NAMESPACES / self._name(host), os.O_RDONLY)
        try:
            if libc.setns(door, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter {host}")
        finally:
            os.close(door)
        return function()

    def _name(self, host: str) -> str:
        return f"{self._prefix}-{host}"

    def _add(self, host: str) -> None:
        name = self._name(host)
        _ip("netns", "add", name)
        cable = ["type", "veth", "peer", "name", "eth0", "netns", name]
        _ip("-n", self._switch, "link", "add", "name", host, *cable)
        _ip("-n", self._switch, "link", "set", host, "master", "lan", "up")
        _ip("-n", name, "addr", "add", f"{plan.address(host)}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")


def remove_leftovers() -> None:
    """Take away the namespaces of a run that was killed; one that still runs keeps its own."""
    for name in _namespaces():
        found = NAMED.fullmatch(name)
        if found and not Path(f"/proc/{found[1]}").exists():
            _ip("netns", "del", name)


def _namespaces() -> list[str]:
    listed = _ip("netns", "list").splitlines()
    return [line.split()[0] for line in listed if line.strip()]


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EmbeddedError(f"`ip {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout
