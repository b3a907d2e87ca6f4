"""`manage.py chaos`: break a real running shop as hard as one likes, then ask the bank."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from chaos import drill
from chaos.house import House
from shop.embedded import EmbeddedError


def main(argv: list[str]) -> int:
    """Run one drill; 0 when every number that must be zero is."""
    options = parse(argv)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    # Under root the servers run as somebody else, who must pass through.
    folder.chmod(0o711)
    try:
        return _run(options, folder)
    except EmbeddedError as error:
        say(f"The drill cannot run: {error}")
        return 2
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def parse(argv: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="manage.py chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=16, help="shoppers at the same time")
    parser.add_argument("--failover", choices=("sync", "async", "none"), default="sync")
    parser.add_argument("--no-faults", action="store_true", help="nothing breaks: for the rate")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and rows")
    return parser.parse_args(argv)


def _run(told: argparse.Namespace, folder: Path) -> int:
    failover = "none" if told.no_faults else told.failover
    options = drill.Options(
        orders=told.orders, seed=told.seed, failover=failover, faults=not told.no_faults,
        kills=not told.no_faults, at_once=told.at_once,
    )  # fmt: skip
    say("Starting the database, its replica, the cache, the bank and the shop")
    with House(folder, failover=failover, settings={}) as house:
        outcome = drill.run(options, house, say)
    for zero, found in outcome.verdict.found.items():
        for what in found[:20]:
            say(f"  {zero}: {what}")
    for violation in outcome.audit["violations"][:20]:
        say(f"  {violation['invariant']} {violation['subject']}: {violation['detail']}")
    for death in outcome.ended_by_itself:
        say(f"  {death}")
    say(f"{outcome.storm_seconds} s, seconds of a core: {outcome.burden}")
    say(outcome.line)
    return 0 if outcome.verdict.is_clean and not outcome.audit["violations"] else 1


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
