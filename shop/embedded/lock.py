"""Two locks keep a second copy away from a data folder.

The launcher holds the first, so a second launcher is refused at once. The servers themselves
inherit the second: it is free only when the last of them is gone, even if their launcher was
killed and they are still writing their last page.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from shop.embedded.errors import EmbeddedError

# Both servers shut down within a second; a database with much to write needs a little more.
LEAVING_SECONDS = 15.0


class FolderLock:
    """The right to run servers on one data folder; `servers_fd` is for them to inherit."""

    def __init__(self, launcher_fd: int, servers_fd: int) -> None:
        """Keep both descriptors open for as long as the right is used."""
        self._launcher_fd = launcher_fd
        self.servers_fd = servers_fd

    @classmethod
    def take(cls, cluster: Path) -> Self:
        """Take both locks; raises EmbeddedError when another copy uses the folder."""
        launcher = _open(cluster / "launcher.lock")
        if not _try(launcher):
            holder = os.pread(launcher, 20, 0).decode(errors="replace").strip()
            os.close(launcher)
            raise EmbeddedError(
                f"A second copy is running on {cluster} (process {holder or 'unknown'}). "
                "Stop it first, or use that one."
            )
        os.ftruncate(launcher, 0)
        os.pwrite(launcher, f"{os.getpid()}\n".encode(), 0)
        servers = _open(cluster / "servers.lock")
        deadline = time.monotonic() + LEAVING_SECONDS
        while not _try(servers):
            if time.monotonic() > deadline:
                os.close(servers)
                os.close(launcher)
                raise EmbeddedError(
                    f"Servers of an earlier start still use {cluster}. Stop them "
                    f"(pgrep -af {cluster}), then start again."
                )
            time.sleep(0.05)
        return cls(launcher, servers)

    def release(self) -> None:
        """Give the folder free; call it when the servers are gone."""
        os.close(self.servers_fd)
        os.close(self._launcher_fd)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError:
        raise EmbeddedError(
            f"{path} belongs to another user, who started the shop here before. "
            "Run as that user, or move the data folder away."
        ) from None


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
