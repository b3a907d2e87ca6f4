"""The demo that runs here, for commands that somebody types into another shell.

While the demo runs, what it told its services stands in a file that only its owner reads.
`manage.py audit` and every other command take it from there, unless they were told where to work.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

NAME = "running.json"
#: Who sets one of these means another shop, or none.
TOLD = ("DATABASE_URL", "SECRET_KEY", "DEBUG", "DJANGO_SETTINGS_MODULE")


@contextlib.contextmanager
def noted(demo: Path, told: Mapping[str, str]) -> Iterator[None]:
    """Keep the services' variables beside the demo's data for as long as it runs."""
    note = demo / NAME
    note.unlink(missing_ok=True)
    body = json.dumps({"process": os.getpid(), "environment": dict(told)}, indent=2)
    with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(body)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def join(base: Path) -> bool:
    """Work on the demo of this data folder, if it runs and nothing else was asked for."""
    if any(os.environ.get(name) for name in TOLD):
        return False
    try:
        note = json.loads((base / "demo" / NAME).read_text())
    except (OSError, ValueError):
        return False
    if not _runs(note["process"]):
        return False  # killed: its servers are gone with it
    os.environ.update(note["environment"])
    print(f"On the demo at {note['environment']['SHOP_URL']}/", file=sys.stderr, flush=True)
    return True


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
