"""PostgreSQL with its replica, PgBouncer and Valkey, each on its own host.

Operators reach them by Unix sockets, which no cut cable separates.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from scripts.hosts import plan
from scripts.hosts.network import Network
from shop.embedded import place, postgres, valkey
from shop.embedded.errors import EmbeddedError
from shop.embedded.process import Child, Program, bare_environment

USER = "payonce"
READY_SECONDS = 60.0
#: The machine stays up, so nothing needs the disk; what was acknowledged survives a SIGKILL.
SETTINGS = (
    "fsync=off", "max_connections=200", "max_wal_senders=5", "wal_keep_size=256MB",
    "hot_standby=on",
)  # fmt: skip
ACCESS = f"""\
local all all trust
host all {USER} {plan.NETWORK}.0/24 scram-sha-256
host replication {USER} {plan.NETWORK}.0/24 scram-sha-256
"""


class Server:
    """A server program on one host: a folder that is its account's own, and a child process."""

    #: Ends it without waiting for anybody who is still connected.
    stop_signal = signal.SIGTERM

    def __init__(self, network: Network, host: str, base: Path) -> None:
        self.network, self.host = network, host
        self.folder = base / host
        self.folder.mkdir()
        self.account = place.account_for(self.folder)
        if self.account:
            os.chown(self.folder, self.account.uid, self.account.gid)
        # Sockets have short names.
        self.run = place.runtime_folder(self.folder, self.account)
        self.child: Child | None = None

    def launch(self, argv: list[str], ready: Callable[[], bool]) -> None:
        """Start it on its host and wait until it answers. Raises EmbeddedError."""
        whole = self.network.command(self.host, argv, self.account, self.stop_signal)
        log = self.folder.with_suffix(".log")
        self.child = Child(
            Program(self.host, whole, log, bare_environment(), self.run, self.stop_signal)
        )
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if not self.child.running or time.monotonic() > deadline:
                raise EmbeddedError(f"{self.host} did not start: {self.child.last_words()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL: its host is gone."""
        if self.child:
            self.child.process.kill()
            self.child.stop()

    def stop(self) -> None:
        """End it and take its socket's folder away; repeating does nothing."""
        if self.child:
            self.child.stop()
        shutil.rmtree(self.run, ignore_errors=True)

    def write(self, name: str, text: str) -> None:
        """A file for its account alone."""
        path = self.run / name
        path.write_text(text)
        path.chmod(0o600)
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def run_once(self, argv: list[str], text: str = "") -> None:
        """A program that ends by itself, on this host, by this account."""
        done = subprocess.run(
            self.network.command(self.host, argv, self.account),
            input=text, capture_output=True, text=True, cwd=self.run,
            env=bare_environment(), umask=0o077, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise EmbeddedError(f"{argv[0]} failed on {self.host}: {done.stderr.strip()[-800:]}")


class Postgres(Server):
    """One PostgreSQL server."""

    stop_signal = signal.SIGINT

    def __init__(self, network: Network, host: str, base: Path) -> None:
        super().__init__(network, host, base)
        self.data = self.folder / "pg"
        self.installed = postgres.choose(self.data, self.account)

    def create(self, password: str) -> None:
        """Make an empty cluster with our database, open to this network by password."""
        self.write("password", password)
        options = ["-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--auth-local=trust"]
        options += ["--auth-host=scram-sha-256", f"--pwfile={self.run}/password"]
        self.run_once([self._program("initdb"), "-D", str(self.data), *options])
        single = [str(self.installed.program), "--single", "-D", str(self.data), "postgres"]
        self.run_once(single, f"CREATE DATABASE {plan.DATABASE};\n")
        (self.data / "pg_hba.conf").write_text(ACCESS)

    def start(self) -> None:
        """Start and wait until it takes connections."""
        here = plan.address(self.host)
        settings = [f"listen_addresses={here}", f"unix_socket_directories={self.run}", *SETTINGS]
        argv = [str(self.installed.program), "-D", str(self.data)]
        for setting in settings:
            argv += ["-c", setting]
        self.launch(argv, self._answers)

    def follow(self, primary: "Postgres", password: str) -> None:
        """Become the primary's synchronous replica: from now on no commit without this one."""
        source = f"host={plan.address(primary.host)} user={USER} password={password}"
        options = ["-D", str(self.data), "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"]
        self.run_once([self._program("pg_basebackup"), "-d", source, *options])
        self.start()
        deadline = time.monotonic() + READY_SECONDS
        while not primary.ask("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.host} does not follow; see {self.folder}.log.")
            time.sleep(0.05)
        # Only on the primary, so that the replica needs nobody once it is alone.
        primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.ask("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Take over; returns when it takes writes."""
        self.ask("SELECT pg_promote(true, 30)")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """One statement by the Unix socket. Raises psycopg.Error."""
        told = f"host={self.run} user={USER} dbname={plan.DATABASE} connect_timeout=5"
        with psycopg.connect(told, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def _program(self, name: str) -> str:
        return str(self.installed.program.with_name(name))

    def _answers(self) -> bool:
        try:
            return bool(self.ask("SELECT 1"))
        except psycopg.Error:
            return False


class Bouncer(Server):
    """PgBouncer in transaction mode."""

    def start(self, primary: str, password: str) -> None:
        """Start it before this primary."""
        self._password = password
        self.write("users.txt", plan.secret_file({USER: password}))
        self._aim(primary)
        argv = [str(shutil.which("pgbouncer")), str(self.run / "pgbouncer.ini")]
        self.launch(argv, self._answers)

    def point_to(self, primary: str) -> None:
        """Send everybody to another primary; whoever still talks to the old one is cut off."""
        self._aim(primary)
        for order in ("RELOAD", f"KILL {plan.DATABASE}", f"RESUME {plan.DATABASE}"):
            self.tell(order)

    def tell(self, order: str) -> list[tuple[Any, ...]]:
        """One order at its console. Raises psycopg.Error."""
        told = f"host={self.run} port={plan.BOUNCER_PORT} user={USER} dbname=pgbouncer"
        with psycopg.connect(
            told, password=self._password, autocommit=True, cursor_factory=psycopg.ClientCursor
        ) as connection:
            cursor = connection.execute(order.encode())
            return cursor.fetchall() if cursor.description else []

    def _aim(self, primary: str) -> None:
        ini = plan.pgbouncer_ini(primary, folder=str(self.run), user=USER)
        self.write("pgbouncer.ini", ini)

    def _answers(self) -> bool:
        try:
            return bool(self.tell("SHOW VERSION"))
        except psycopg.Error:
            return False


class Valkey(Server):
    """The cache and the broker."""

    def start(self) -> None:
        """Start and wait until it answers."""
        here, program = plan.address(self.host), valkey.choose(self.account).program
        argv = [str(program), "--bind", here, "--protected-mode", "no", "--dir", str(self.folder)]
        argv += ["--unixsocket", f"{self.run}/valkey.sock", "--appendonly", "yes"]
        argv += ["--maxmemory-policy", "noeviction", "--save", ""]
        self.launch(argv, lambda: valkey.answers(self.run / "valkey.sock"))


def made_up_password() -> str:
    """For the database; nobody but this run knows it."""
    return secrets.token_urlsafe(24)
