"""The web server as in production: no debug pages, files with hashed names, secrets of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.stack import ROOT, Stack


@contextmanager
def real_server(**settings: str) -> Iterator[Stack]:
    """A running shop; its bank is started by whoever needs one."""
    with tempfile.TemporaryDirectory() as collected:
        shop = Stack(
            DEBUG="0",
            SECRET_KEY="0a1b2c3d4e5f6g7h8i9j" * 3,
            STATIC_ROOT=collected,
            ALLOW_EMBEDDED="1",
            GATEWAY_READ_SECONDS="2",
            **settings,
        )
        collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
        # The documentation's own files are the most of it, and no page here shows them.
        collect += ["-i", "drf_spectacular_sidecar", "-i", "rest_framework"]
        subprocess.run(collect, cwd=ROOT, env=shop.environment(), check=True)
        try:
            shop.start_web()
            yield shop
        finally:
            shop.stop()
