"""The embedded Valkey: cache, broker and channel layer, reached by a Unix socket only."""

import os
import signal
import socket
import time
from pathlib import Path

from shop.embedded.binaries import Installed, find_valkey
from shop.embedded.copies import readable_by
from shop.embedded.errors import EmbeddedError, explain
from shop.embedded.place import Account
from shop.embedded.process import Child, Program, bare_environment

SOCKET = "valkey.sock"
READY_SECONDS = 30.0


def choose(account: Account | None) -> Installed:
    """The program to use, where the account can run it."""
    return readable_by(account, find_valkey())


def start(
    installed: Installed, folder: Path, run: Path, account: Account | None, *, lock_fd: int
) -> Child:
    """Start the server and return when it answers."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(folder, account.uid, account.gid)
    address = run / SOCKET
    # A socket left by a killed server would look like a server that does not answer.
    address.unlink(missing_ok=True)
    argv = [str(installed.program), "--port", "0", "--unixsocket", str(address)]
    argv += ["--unixsocketperm", "700", "--dir", str(folder), "--appendonly", "yes"]
    argv += ["--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"]
    child = Child(
        Program(
            name="Valkey",
            argv=argv,
            log=folder.with_name("valkey.log"),
            env=bare_environment(),
            cwd=run,
            # SIGTERM writes everything and ends; it never waits for a client.
            death_signal=signal.SIGTERM,
            account=account,
            keep_fds=(lock_fd,),
        )
    )
    deadline = time.monotonic() + READY_SECONDS
    while not answers(address):
        if not child.running or time.monotonic() > deadline:
            child.stop()
            raise EmbeddedError(f"Valkey did not start. {explain(child.last_words(), folder)}")
        time.sleep(0.02)
    return child


def answers(address: Path) -> bool:
    """Whether a server behind this socket takes commands."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            client.connect(str(address))
            client.sendall(b"PING\r\n")
            # While it still loads its file it answers "-LOADING".
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False
