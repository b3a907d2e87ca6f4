"""localstripe, somebody else's emulator, as the gateway of our adapter's card flow.

Run by `scripts/sdk_check.py localstripe` where only that package is installed: it serves on
loopback and calls the other half, `localstripe_flow`, in the project's own environment.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from typing import Any

from aiohttp import web
from localstripe import resources, server  # type: ignore[import-not-found,unused-ignore]


def main() -> int:
    # Its memory goes to a file that every user of the machine could have left there: never.
    resources.store.dump_to_disk = lambda: None
    port = serve()
    command = [os.environ["PROJECT_PYTHON"], "-m", "tests.gateways.sdk.localstripe_flow"]
    told = os.environ | {"EMULATOR_URL": f"http://127.0.0.1:{port}"}
    return subprocess.run(command, env=told, check=False).returncode


def serve() -> int:
    """The emulator in a thread, by its application object: its own command binds everywhere."""
    started = threading.Event()
    ports: list[int] = []

    async def run() -> None:
        runner: Any = web.AppRunner(server.app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(runner.addresses[0][1])
        started.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    if not started.wait(timeout=20):
        raise SystemExit("localstripe did not start")
    return ports[0]


if __name__ == "__main__":
    sys.exit(main())
