"""Data folders for the launcher's tests, removed with whatever they link to."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder that any user may reach; not made yet."""
    parent = Path(tempfile.mkdtemp(prefix="payonce-test-", dir="/tmp"))
    parent.chmod(0o755)
    yield parent / ".data"
    target = (parent / ".data").resolve()
    shutil.rmtree(target, ignore_errors=True)
    shutil.rmtree(parent, ignore_errors=True)
