"""`python -m bench`: limit, floor and shop in turns. What it shows: docs/speed.md."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import page, running
from bench.measuring import Failed
from bench.operations import OPERATIONS
from bench.serving import ROOT
from shop.embedded.errors import EmbeddedError
from shop.embedded.servers import Servers, servers

RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "speed.md"
PICTURE = ROOT / "docs" / "images" / "speed.svg"


def main(argv: list[str]) -> int:
    """Run, print the goal table, write the results where they are wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", default="1000,100000,1000000", help="orders of the past")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=2400, help="of the cheapest, each round")
    parser.add_argument("--seed", type=int, default=1, help="of the order within a round")
    parser.add_argument("--only", default="", help="names of operations, separated by commas")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="for the databases")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--page", action="store_true", help="only draw docs/speed.md anew")
    options = parser.parse_args(argv)
    # A stop ends the servers on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not options.page:
        sizes = [int(size) for size in options.sizes.split(",")]
        _say(_forecast(sizes, options.rounds, options.requests))
        try:
            with servers(options.data, name="bench", durable=True, progress=_say) as started:
                for results in _run(started, sizes, options):
                    # After each size: a run that is broken off has shown something.
                    text = json.dumps(results, indent=1, sort_keys=True)
                    options.out.write_text(f"{text}\n")
        except (EmbeddedError, Failed) as error:
            print(error, file=sys.stderr)
            return 1
        print(page.table(results))
    if options.out == RESULTS:
        _draw(json.loads(RESULTS.read_text()))
    return 0


def _run(
    started: Servers, sizes: list[int], options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    began, order = time.monotonic(), random.Random(options.seed)  # noqa: S311
    wanted = options.only.split(",") if options.only else [o.name for o in OPERATIONS]
    running.build_base(started.database_url, started.redis_url)
    found = {}
    for size in sizes:
        bench = running.Bench(
            started.database_url,
            started.redis_url,
            options.rounds,
            options.requests,
            _say,
            order,
            [o for o in OPERATIONS if o.name in wanted],
        )
        with running.sized(started.database_url, started.redis_url, size, _say) as url:
            found[str(size)] = running.run_size(bench, url, size)
        yield {
            "commit": _commit(),
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "machine": running.machine(),
            "load": round(os.getloadavg()[2], 1),
            "seed": options.seed,
            "rounds": options.rounds,
            "requests": options.requests,
            "seconds": round(time.monotonic() - began),
            "sizes": found,
        }


def _forecast(sizes: list[int], rounds: int, requests: int) -> str:
    # As measured on two cores: 15,000 orders of the past and some 90 requests of the mean kind
    # a second, and half a minute for each database besides.
    seconds = sum(30 + size / 15_000 + rounds * (10 + requests / 90) for size in sizes)
    return f"This takes about {max(1, round(seconds / 60))} minutes; leave the machine alone."


def _commit() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return told.stdout.strip() or "unknown"


def _draw(results: dict[str, Any]) -> None:
    PAGE.write_text(page.rendered(PAGE.read_text(), results))
    PICTURE.write_text(page.picture(results))


def _say(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
