"""Sell on several hosts while some are cut off and the database's primary is lost, then judge.

make hosts                              # 300 orders, about two minutes; as root, on Linux
python -m scripts.hosts --orders 600 --seed 7 --beats 1
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.hosts import network, plan, run
from shop.demo.supervisor import Signals, StopAsked, end_with_make
from shop.embedded.errors import EmbeddedError


def say(line: str) -> None:
    """A line of progress, at once."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """0: everything as promised; 1: it was not; 2: this machine does not allow it."""
    wanted = arguments(argv)
    Signals()
    end_with_make()
    try:
        network.check_possible()
    except EmbeddedError as error:
        say(f"hosts: {error}")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="hosts-"))
    # The servers run as somebody else, who must pass through.
    folder.chmod(0o711)
    try:
        result = run.run(folder, wanted, say)
    except EmbeddedError as error:
        say(f"hosts: {error}\nLogs: {folder}")
        return 1
    except StopAsked:
        run.remove(folder)
        say("hosts: stopped; every host is taken down")
        return 1
    return report(result, wanted.json, folder)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """What the run shall be like."""
    parser = argparse.ArgumentParser(prog="python -m scripts.hosts", description=__doc__)
    parser.add_argument("--orders", type=int, default=300, help="errands of shoppers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--beats", type=int, choices=(1, 2), default=2, help="hosts with a beat")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    wanted = parser.parse_args(argv)
    if not 20 <= wanted.orders <= plan.ORDERS_MAX:
        parser.error(f"--orders is 20 to {plan.ORDERS_MAX}: that much the seeded shop has in stock")
    return wanted


def report(result: dict[str, Any], path: Path | None, folder: Path) -> int:
    """Say what was found; the exit code."""
    if path:
        path.write_text(json.dumps(result, indent=2) + "\n")
    for line in result["findings"]:
        say(f"  !! {line}")
    say(f"hosts: {result['line']}")
    if result["findings"]:
        say(f"Logs: {folder}")
        return 1
    run.remove(folder)
    return 0


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    say(f"{time.monotonic() - began:.0f} s")
    sys.exit(code)
