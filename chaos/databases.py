"""PostgreSQL for a drill: one server that can be restarted, and a replica that takes over."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

from shop.embedded import place, postgres
from shop.embedded.errors import EmbeddedError
from shop.embedded.process import Child, as_account, bare_environment

#: The operating system stays up, so nothing needs the disk; but what was acknowledged must
#: survive a SIGKILL of the server, which "synchronous_commit=off" does not promise.
SAFE_IN_A_KILL = (
    "synchronous_commit=on", "full_page_writes=on", "wal_retrieve_retry_interval=200ms",
    "max_connections=200", "max_wal_senders=5", "wal_keep_size=256MB",
)  # fmt: skip
CAUGHT_UP_SECONDS = 20.0


class Server:
    """One PostgreSQL server on a folder of its own."""

    def __init__(self, folder: Path, lock_fd: int) -> None:
        """Make the folder; nothing runs yet."""
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.data = folder / "pg"
        self.account = place.account_for(self.data)
        self.run = place.runtime_folder(folder, self.account)
        self.installed = postgres.choose(self.data, self.account)
        self.socket = str(self.run / ".s.PGSQL.5432")
        self._lock_fd = lock_fd
        self._child: Child | None = None

    def create(self) -> None:
        """Make an empty cluster."""
        log = self.data.with_name("postgres.log")
        postgres.create(self.installed, self.data, log, self.account)

    def start(self) -> None:
        """Start and wait until it takes connections."""
        self._child = postgres.start(
            self.installed, self.data, self.run, self.account,
            lock_fd=self._lock_fd, durable=False, more=SAFE_IN_A_KILL,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """The running server's."""
        return self._child.process.pid if self._child is not None else 0

    def stop(self) -> None:
        """Orderly: everything is written."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """SIGKILL for the whole server: a machine that is gone."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.process.pid, signal.SIGKILL)
            self._child.stop()

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement past the wire, for whoever looks or stages. Raises psycopg.Error."""
        with self.open() as connection:
            cursor = connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def open(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection past the wire."""
        return psycopg.connect(
            host=str(self.run), user=postgres.USER, dbname=postgres.DATABASE, autocommit=True,
            connect_timeout=5,
        )  # fmt: skip


def replicate(primary: Server, replica: Server, *, synchronous: bool) -> None:
    """Copy the primary and let the copy follow; synchronous: no commit without it."""
    program = primary.installed.program.with_name("pg_basebackup")
    argv = [str(program), "-h", str(primary.run), "-U", postgres.USER, "-D", str(replica.data)]
    argv += ["-R", "-X", "stream", "--checkpoint=fast", "--no-sync"]
    if replica.account:
        os.chown(replica.data.parent, replica.account.uid, replica.account.gid)
    done = subprocess.run(
        argv, capture_output=True, text=True, cwd="/", env=bare_environment(), umask=0o077,
        check=False, **as_account(replica.account),
    )  # fmt: skip
    if done.returncode != 0:
        raise EmbeddedError(f"The database could not be copied: {done.stderr.strip()[-500:]}")
    replica.start()
    deadline = time.monotonic() + CAUGHT_UP_SECONDS
    while not primary.ask("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"):
        if time.monotonic() > deadline:
            raise EmbeddedError("The replica does not follow; see its postgres.log.")
        time.sleep(0.05)
    if synchronous:
        primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.ask("SELECT pg_reload_conf()")


def fall_behind(primary: Server) -> None:
    """Stop what sends the log to the replica: from now on it hears of no commit."""
    for (pid,) in primary.ask("SELECT pid FROM pg_stat_replication"):
        os.kill(pid, signal.SIGSTOP)


def promote(replica: Server) -> None:
    """Let the replica take over; returns when it takes writes."""
    replica.ask("SELECT pg_promote(true, 30)")
