"""`manage.py chaos`: break a real running shop as hard as one likes, then ask the bank."""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chaos import drill, figures, layers_off, report, results, sometimes, story
from chaos.house import PROJECT, House
from shop.embedded import EmbeddedError

REPORT = PROJECT / "proof" / "chaos-report.html"
STORIES_MAX = 5
LISTED_MAX = 20
#: A shorter run may miss a floor by the luck of its seed.
FLOORS_COUNT_FROM = 10_000


def main(argv: list[str]) -> int:
    """Run one drill, or one for each layer; 0 when every number that must be zero is."""
    told = parse(argv)
    # Whoever ends the drill lets it end its house.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return layers_off.run_all(told, say) if told.layers is not None else one(told)
    except EmbeddedError as error:
        say(f"The drill cannot run: {error}")
        return 2


def parse(argv: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="manage.py chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="the same seed plans the same run")
    parser.add_argument("--at-once", type=int, default=32, help="shoppers at the same time")
    parser.add_argument("--failover", choices=("sync", "async", "none"), default="sync")
    parser.add_argument("--no-faults", action="store_true", help="nothing breaks: for the rate")
    parser.add_argument(
        "--layers", nargs="*", metavar="LAYER", choices=layers_off.LAYERS,
        help="one run without each layer, or without these",
    )  # fmt: skip
    parser.add_argument("--report", type=Path, default=REPORT, help="where the page is written")
    parser.add_argument("--keep-results", action="store_true", help=f"write {results.RESULTS.name}")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    told = parser.parse_args(argv)
    if told.orders < 1 or told.at_once < 1:
        parser.error("--orders and --at-once are numbers above zero")
    return told


def one(told: argparse.Namespace) -> int:
    """One drill, its report and its one line."""
    failover = "none" if told.no_faults else told.failover
    options = drill.Options(
        orders=told.orders, seed=told.seed, failover=failover, faults=not told.no_faults,
        kills=not told.no_faults, at_once=told.at_once,
    )  # fmt: skip
    with workplace(keep=told.keep) as folder:
        kept, outcome = run(options, folder, told.report)
    if told.keep_results:
        results.keep(results.name_of(kept), kept)
    missed = [one["what"] for one in kept["sometimes"] if not one["reached"]]
    for what in missed if options.faults else ():
        say(f"  happened too seldom to prove anything: {what}")
    say(f"The report is {told.report}")
    say(outcome.line)
    too_seldom = bool(missed) and options.faults and options.orders >= FLOORS_COUNT_FROM
    return 0 if kept["clean"] and not outcome.ended_by_itself and not too_seldom else 1


def run(options: drill.Options, folder: Path, page: Path) -> tuple[dict[str, Any], drill.Outcome]:
    """A house, a drill in it, and everything that is read from it before it is torn down."""
    say("Starting the database, its replica, the cache, the bank and the shop")
    off = {"CHAOS_LAYER_OFF": options.layer_off}
    with House(folder, failover=options.failover, settings=off) as house:
        outcome = drill.run(options, house, say)
        counted = sometimes.count_all(house, outcome)
        events = sometimes.log_events(house, lambda line: "chaos.caught" in line)
        outcome.caught = report.count_caught(events, outcome)
        polls = figures.polls_of(house)
        stories = [story.tell(house, outcome, number) for number in _to_be_told(outcome)]
    kept = figures.figures(outcome, counted, polls)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(report.page(outcome, kept, polls, stories), encoding="utf-8")
    _say_findings(outcome, kept, stories)
    return kept, outcome


@contextlib.contextmanager
def workplace(*, keep: bool) -> Iterator[Path]:
    """A folder for one house."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    # Under root the servers run as somebody else, who must pass through.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        if keep:
            say(f"Logs and data are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _to_be_told(outcome: drill.Outcome) -> list[str]:
    """Orders whose history explains a finding."""
    numbers = sorted(outcome.verdict.orders)
    subjects = {violation["subject"] for violation in outcome.audit["violations"]}
    numbers += [
        visit["number"]
        for visit in outcome.visits
        if visit["number"] in subjects or subjects & set(visit["references"])
    ]
    return list(dict.fromkeys(numbers))[:STORIES_MAX]


def _say_findings(outcome: drill.Outcome, kept: dict[str, Any], stories: list[list[str]]) -> None:
    for zero, found in outcome.verdict.found.items():
        for what in found[:LISTED_MAX]:
            say(f"  {zero}: {what}")
    for violation in outcome.audit["violations"][:LISTED_MAX]:
        say(f"  {violation['invariant']} {violation['subject']}: {violation['detail']}")
    for death in outcome.ended_by_itself:
        say(f"  {death}")
    if errors := kept["answers"].get("500", 0):
        say(f"  {errors} answers were a 500")
    if stories:
        say(f"Seed {kept['seed']}, commit {kept['commit']}")
    for told in stories:
        say("\n".join(told))


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
