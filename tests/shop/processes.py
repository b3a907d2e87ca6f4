"""What the tests of the launcher and the demo share: which processes belong to a data folder."""

import os
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent


def processes_of(*folders: Path) -> list[str]:
    """Every process whose command line or environment names a folder, or where it links to."""
    names = {os.fsencode(path) for folder in folders for path in (folder, folder.resolve())}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        line, environment = read(process / "cmdline"), read(process / "environ")
        if any(name in line + environment for name in names):
            found.append(f"{process.name} {line.replace(bytes(1), b' ').decode(errors='replace')}")
    return found


def read(path: Path) -> bytes:
    """The file; nothing when the process has ended or is somebody else's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether the condition comes true within this time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def without_servers() -> dict[str, str]:
    """This process's environment as on a machine where no server is named."""
    return {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
