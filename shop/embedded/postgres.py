"""The embedded PostgreSQL: made once, started in the foreground, reached by a Unix socket only."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from shop.embedded.binaries import Installed, find_postgres
from shop.embedded.copies import readable_by
from shop.embedded.errors import EmbeddedError, explain
from shop.embedded.place import Account
from shop.embedded.process import Child, Program, as_account, bare_environment, tail_of

DATABASE = "payonce"
USER = "checkout"
# A race of forty requests fills a pool of forty, and pools give back slowly: three test
# processes, each with a web server and a worker of its own, come to nine full pools.
CONNECTIONS_MAX = 500
# Crash recovery after a power cut reads at most the log since the last checkpoint.
READY_SECONDS = 60.0
# For tests alone: data that no one will miss need not survive a power cut.
UNSAFE_BUT_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


def data_major(folder: Path) -> int | None:
    """The PostgreSQL major version that made this data folder; None when there is none yet."""
    try:
        return int((folder / "PG_VERSION").read_text().strip())
    except FileNotFoundError:
        return None


def choose(folder: Path, account: Account | None) -> Installed:
    """The programs for this data folder, where the account can run them."""
    return readable_by(account, find_postgres(data_major(folder)))


def create(installed: Installed, folder: Path, log: Path, account: Account | None) -> None:
    """Make the data folder with its one database; an interrupted attempt leaves nothing in use."""
    draft = folder.with_name(folder.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if account:
        os.chown(draft, account.uid, account.gid)
    options = ["-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"]
    initdb = installed.program.with_name("initdb")
    _run([str(initdb), "-D", str(draft), "-U", USER, *options], "", log, account)
    # Single-user mode needs no socket: the database is there before the server first starts.
    single = [str(installed.program), "--single", "-D", str(draft), "postgres"]
    _run(single, f"CREATE DATABASE {DATABASE};\n", log, account)
    draft.rename(folder)


def start(
    installed: Installed,
    folder: Path,
    run: Path,
    account: Account | None,
    *,
    lock_fd: int,
    durable: bool,
    more: Sequence[str] = (),
) -> Child:
    """Start the server and return when it takes connections; `more` settings win over ours."""
    log = folder.with_name("postgres.log")
    settings = ["listen_addresses=", f"unix_socket_directories={run}"]
    settings += [f"max_connections={CONNECTIONS_MAX}", *(() if durable else UNSAFE_BUT_QUICK)]
    settings += more
    argv = [str(installed.program), "-D", str(folder)]
    for setting in settings:
        argv += ["-c", setting]
    child = Child(
        Program(
            name="PostgreSQL",
            argv=argv,
            log=log,
            env=bare_environment(),
            cwd=run,
            # SIGINT is PostgreSQL's fast shutdown: sessions are ended, everything is written.
            stop_signal=signal.SIGINT,
            stop_seconds=30.0,
            death_signal=signal.SIGINT,
            account=account,
            keep_fds=(lock_fd,),
        )
    )
    deadline = time.monotonic() + READY_SECONDS
    while not _is_ready(folder, child.process.pid):
        if not child.running or time.monotonic() > deadline:
            child.stop()
            raise EmbeddedError(f"PostgreSQL did not start. {explain(child.last_words(), folder)}")
        time.sleep(0.02)
    return child


def _is_ready(folder: Path, pid: int) -> bool:
    # The server writes its state into the eighth line, as pg_ctl reads it.
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, PermissionError):
        return False
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _run(argv: list[str], text: str, log: Path, account: Account | None) -> None:
    with log.open("ab") as output:
        ended = subprocess.run(
            argv,
            input=text.encode(),
            stdout=output,
            stderr=output,
            cwd="/",
            env=bare_environment(),
            umask=0o077,
            start_new_session=True,
            check=False,
            **as_account(account),
        )
    if ended.returncode != 0:
        cause = explain(tail_of(log), log.parent)
        raise EmbeddedError(f"The database could not be made. {cause}")
