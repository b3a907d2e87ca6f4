"""Where the servers' files lie, and whom the servers run as.

PostgreSQL refuses to run as root, so under root both servers run as `nobody`, who cannot enter
a 0700 folder such as root's home. The data then lie under /var/lib, and the folder that was
asked for is a link to them.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shop.embedded.errors import EmbeddedError

STATE_HOME = Path("/var/lib")
# A socket's path must fit into 107 bytes (103 on macOS); this leaves room for the longest name.
RUN_PATH_BYTES_MAX = 80


@dataclass(frozen=True)
class Account:
    """The user that the servers run as when the launcher is root."""

    uid: int
    gid: int


def account_for(folder: Path) -> Account | None:
    """Whom the servers of this data folder run as; None for the launcher's own user.

    A folder that an ordinary user began keeps that user, so both may go on using it.
    """
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid if folder.exists() else 0
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "Under root the servers run as the user nobody, and this machine has none. "
            "Set DATABASE_URL and REDIS_URL to servers of your own."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def reachable_by_all(folder: Path) -> bool:
    """Whether any user may pass through every folder on the way to this one."""
    return all(
        parent.stat().st_mode & stat.S_IXOTH
        for parent in folder.resolve().parents
        if parent.exists()
    )


def short_hash(path: Path) -> str:
    """A name for a path that is short enough for a socket's folder."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def settle(base: Path) -> Path:
    """Make the data folder and return where it really is.

    Raises EmbeddedError when this user cannot write there.
    """
    try:
        if os.geteuid() == 0 and not base.is_symlink() and not reachable_by_all(base):
            _move_under_state_home(base)
        home = base.resolve()
        home.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            home.chmod(0o711)
        with tempfile.TemporaryFile(dir=home):
            return home
    except PermissionError as error:
        raise EmbeddedError(
            f"The data folder {base} belongs to somebody else ({error.filename}). "
            "Run as that user, or move the folder away to begin with empty data."
        ) from error
    except OSError as error:
        raise EmbeddedError(f"The data folder {base} cannot be used: {error.strerror}.") from error


def _move_under_state_home(base: Path) -> None:
    home = STATE_HOME / f"payonce-{short_hash(base.parent.resolve() / base.name)}"
    if base.is_dir():
        if home.exists():
            raise EmbeddedError(f"Both {base} and {home} hold data; move one of them away.")
        shutil.move(base, home)
    home.mkdir(exist_ok=True)
    base.parent.mkdir(parents=True, exist_ok=True)
    base.symlink_to(home)


def runtime_folder(cluster: Path, account: Account | None) -> Path:
    """A private folder with a short name for the sockets of this data folder."""
    owner = account.uid if account else os.geteuid()
    run = _runtime_home(account) / f"payonce-{short_hash(cluster)}"
    try:
        run.mkdir(mode=0o700)
        if account:
            os.chown(run, account.uid, account.gid)
    except FileExistsError:
        found = run.lstat()
        # Names below /tmp are anybody's to take: a folder of another user is never trusted.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
            raise EmbeddedError(f"{run} belongs to somebody else; remove it.") from None
        run.chmod(0o700)
    return run


def _runtime_home(account: Account | None) -> Path:
    wanted = ["/run"] if account else [os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()]
    for name in [*wanted, "/tmp"]:  # noqa: S108 - the folder made in it is private and checked  # nosec B108
        folder = Path(name)
        fits = len(os.fsencode(folder)) <= RUN_PATH_BYTES_MAX - len("/payonce-123456789012")
        if (
            name
            and fits
            and os.access(folder, os.W_OK)
            and (not account or reachable_by_all(folder / "x"))
        ):
            return folder
    raise EmbeddedError("No writable folder with a short name was found for the sockets.")
