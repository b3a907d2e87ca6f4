"""Start and stop the pair of servers on one data folder."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shop.embedded import place, postgres, valkey
from shop.embedded.errors import EmbeddedError
from shop.embedded.lock import FolderLock
from shop.embedded.process import Child

# An empty cluster takes 45 MB, its log up to 1 GB later; below this nothing would work for long.
FREE_BYTES_MIN = 200 * 1024 * 1024

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Tell nobody."""


@dataclass
class Servers:
    """Where the database and the cache answer, and the children that we started for them."""

    database_url: str
    redis_url: str
    data: Path
    children: list[Child] = field(default_factory=list)
    _clean: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)

    def stop(self) -> None:
        """Stop both servers, write everything, free the data folder. Repeating it does nothing."""
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop()
        self.children.clear()
        self._clean.close()


def start(
    base: Path,
    *,
    name: str = "shop",
    durable: bool = True,
    database_url: str = "",
    redis_url: str = "",
    progress: Progress = silent,
) -> Servers:
    """Start the servers whose data lie in `base/name`; a server with a URL given is not started.

    `durable=False` is for tests: quicker, and a power cut may lose data. Call it from the main
    thread. Raises EmbeddedError with words for a person.
    """
    home = place.settle(base)
    if database_url and redis_url:
        return Servers(database_url, redis_url, home)
    cluster = home / name
    cluster.mkdir(mode=0o711, exist_ok=True)
    _check_space(cluster)
    with contextlib.ExitStack() as undo:
        lock = FolderLock.take(cluster)
        undo.callback(lock.release)
        account = place.account_for(cluster / "pg")
        run = place.runtime_folder(cluster, account)
        undo.callback(shutil.rmtree, run, ignore_errors=True)
        started = Servers(database_url, redis_url, home)
        if not redis_url:
            cache = valkey.choose(account)
            progress(f"Starting Valkey {cache.version} ({cache.origin})")
            child = valkey.start(cache, cluster / "vk", run, account, lock_fd=lock.servers_fd)
            undo.callback(child.stop)
            started.children.append(child)
            started.redis_url = f"unix://{run / valkey.SOCKET}?db=0"
        if not database_url:
            started.children.append(_start_postgres(cluster, run, account, lock, durable, progress))
            started.database_url = f"postgresql://{postgres.USER}@/{postgres.DATABASE}?host={run}"
        started._clean = undo.pop_all()
    return started


@contextlib.contextmanager
def servers(
    base: Path, *, name: str = "shop", durable: bool = True, progress: Progress = silent
) -> Iterator[Servers]:
    """The pair for the length of a `with`, honouring DATABASE_URL and REDIS_URL if set."""
    given = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    running = start(
        base,
        name=name,
        durable=durable,
        database_url=given[0],
        redis_url=given[1],
        progress=progress,
    )
    try:
        yield running
    finally:
        running.stop()


def _start_postgres(
    cluster: Path,
    run: Path,
    account: place.Account | None,
    lock: FolderLock,
    durable: bool,
    progress: Progress,
) -> Child:
    folder = cluster / "pg"
    installed = postgres.choose(folder, account)
    if not folder.exists():
        progress(f"Making the database with PostgreSQL {installed.version} ({installed.origin})")
        postgres.create(installed, folder, cluster / "postgres.log", account)
    progress(f"Starting PostgreSQL {installed.version} ({installed.origin})")
    return postgres.start(installed, folder, run, account, lock_fd=lock.servers_fd, durable=durable)


def _check_space(cluster: Path) -> None:
    free = shutil.disk_usage(cluster).free
    if free < FREE_BYTES_MIN:
        raise EmbeddedError(
            f"The disk is full: {free // 2**20} MB are free at {cluster}, "
            f"{FREE_BYTES_MIN // 2**20} MB are needed. Free some space and start again."
        )
