"""A copy of the servers' programs that the user `nobody` can read.

Under root, a virtual environment in a 0700 folder is out of reach for the servers. The copy is
named by its content, so any number of clones share one.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from shop.embedded.binaries import Installed
from shop.embedded.errors import EmbeddedError
from shop.embedded.place import Account
from shop.embedded.process import as_account, bare_environment

CACHE = Path("/var/cache/payonce")
# Headers are only for compiling against the server.
LEFT_OUT = shutil.ignore_patterns("include", "__pycache__")


def readable_by(account: Account | None, installed: Installed) -> Installed:
    """The same programs where this account can run them.

    Raises EmbeddedError for programs of the system that the account may not run.
    """
    if account is None or _runs(account, installed.program):
        return installed
    if not installed.root:
        raise EmbeddedError(f"The user nobody may not run {installed.program}. Set DATABASE_URL.")
    program = installed.program
    digest = hashlib.sha256(program.read_bytes()).hexdigest()[:16]
    copy = CACHE / f"{program.name}-{installed.version}-{digest}"
    common = Path(os.path.commonpath([path.parent for path in installed.root]))
    if not copy.exists():
        _copy(installed.root, common, copy)
    return replace(installed, program=copy / program.relative_to(common))


def _runs(account: Account, program: Path) -> bool:
    try:
        subprocess.run(
            [program, "--version"],
            check=True,
            capture_output=True,
            timeout=20,
            cwd="/",
            env=bare_environment(),
            **as_account(account),
        )
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def _copy(sources: tuple[Path, ...], common: Path, copy: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    CACHE.chmod(0o755)
    # Renamed when complete: an interrupted copy is never taken for a whole one.
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=CACHE))
    try:
        draft.chmod(0o755)
        for source in sources:
            target = draft / source.relative_to(common)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True, ignore=LEFT_OUT)
            else:
                shutil.copy2(source, target)
        _open_for_all(draft)
        draft.rename(copy)
    except FileExistsError:
        # Another start made it meanwhile.
        shutil.rmtree(draft)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if copy.exists():
            return
        raise EmbeddedError(f"The servers could not be copied to {copy}: {error}.") from error


def _open_for_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
