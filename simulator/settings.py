"""What the bank is told at its start: arguments first, then the environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """One bank with one merchant. `time_factor` shortens its own schedules (retries, delays).

    `shop_url` is where the shop is found when it says that it is on this machine: to a bank in a
    container of its own, that is somebody else.
    """

    port: int
    host: str
    data: Path
    public_url: str
    merchant: str
    api_key: str
    signing_secret: str
    webhook_secret: str
    shop_url: str = ""
    time_factor: float = 1.0
    allow_reset: bool = False


def read(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> Settings:
    """Exits with a sentence when something is missing or malformed."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=int(environ.get("BANK_PORT", "8001")))
    # Its doors for people need no key, so it listens to this machine alone. Another host is
    # for a container, whose published port is bound to loopback outside.
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--data", type=Path, default=Path(environ.get("BANK_DATA", ".data/bank")))
    parser.add_argument("--public-url", default=environ.get("BANK_PUBLIC_URL", ""))
    parser.add_argument("--merchant", default=environ.get("SANDBOX_MERCHANT", "payonce-demo"))
    factor = float(environ.get("BANK_TIME_FACTOR", "1"))
    parser.add_argument("--time-factor", type=float, default=factor)
    parser.add_argument("--allow-reset", action="store_true", help="DELETE /everything (tests)")
    options = parser.parse_args(arguments)
    # Secrets come from the environment only: arguments can be read by every user of a machine.
    secrets = {}
    for name in ("SANDBOX_API_KEY", "SANDBOX_SIGNING_SECRET", "SANDBOX_WEBHOOK_SECRET"):
        secrets[name] = environ.get(name, "")
        if not secrets[name]:
            parser.error(f"the environment variable {name} is not set")
    if not options.time_factor > 0:
        parser.error("--time-factor must be greater than 0")
    public_url = options.public_url or f"http://127.0.0.1:{options.port}"
    return Settings(
        port=options.port,
        host=options.host,
        data=options.data,
        public_url=public_url.rstrip("/"),
        merchant=options.merchant,
        api_key=secrets["SANDBOX_API_KEY"],
        signing_secret=secrets["SANDBOX_SIGNING_SECRET"],
        webhook_secret=secrets["SANDBOX_WEBHOOK_SECRET"],
        shop_url=environ.get("BANK_SHOP_URL", "").rstrip("/"),
        time_factor=options.time_factor,
        allow_reset=options.allow_reset,
    )
