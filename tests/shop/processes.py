"""What the tests of the launcher and the demo share: which processes belong to a data folder."""

import os
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent


def processes_of(*folders: Path) -> list[str]:
    """The command lines of every process that names one of these folders, or what they link to."""
    names = {str(path) for folder in folders for path in (folder, folder.resolve())}
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if any(name in line for name in names):
            found.append(f"{entry.parent.name} {line}")
    return found


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
