"""The table of docs/scaling.md, computed from docs/cost-of-an-order.json.

python scripts/scaling_table.py      # prints it; a test compares it with the page
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "docs" / "cost-of-an-order.json"
ORDERS_A_MINUTE = (10, 1_000, 100_000)
DAY_SECONDS, YEAR_DAYS = 86_400, 365
#: A process that is busier than this answers late.
BUSY_MAX = 0.6


def rows(cost: dict[str, Any]) -> list[tuple[str, Callable[[float], str]]]:
    """Each line of the table: its name, and its figure for so many orders a second."""
    cpu = cost["cpu_ms"]
    return [
        ("orders a second", number),
        ("rows a day", lambda rate: number(rate * DAY_SECONDS * cost["rows"])),
        ("commits a second", lambda rate: number(rate * cost["commits"])),
        ("log (WAL)", lambda rate: size(rate * cost["wal_bytes"]) + "/s"),
        ("tables and indexes", lambda rate: size(a_day(rate) * cost["packed_bytes"]) + " a day"),
        ("… after a year", lambda rate: size(a_day(rate) * YEAR_DAYS * cost["packed_bytes"])),
        ("web: cores", lambda rate: number(rate * cpu["web"] / 1000)),
        (
            f"web: processes at {BUSY_MAX:.0%} of a core",
            lambda rate: number(max(2, rate * cpu["web"] / 1000 / BUSY_MAX), whole=True),
        ),
        ("worker: cores", lambda rate: number(rate * cpu["worker"] / 1000)),
        (
            f"worker: processes at {BUSY_MAX:.0%} of a core",
            lambda rate: number(max(2, rate * cpu["worker"] / 1000 / BUSY_MAX), whole=True),
        ),
        ("PostgreSQL: cores", lambda rate: number(rate * cpu["postgres"] / 1000)),
        *(
            (
                f"{lock}: busy",
                lambda rate, held=told["median_ms"] * told["an_order"]: share(rate * held / 1000),
            )
            for lock, told in sorted(cost["locks"].items())
            if lock != "payment intent"
        ),
    ]


def table(cost: dict[str, Any]) -> str:
    """The whole table in Markdown."""
    head = " | ".join(f"{rate:,} a minute" for rate in ORDERS_A_MINUTE)
    lines = [f"| | {head} |", "| --- |" + " ---: |" * len(ORDERS_A_MINUTE)]
    for name, figure in rows(cost):
        cells = " | ".join(figure(rate / 60) for rate in ORDERS_A_MINUTE)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def a_day(rate: float) -> float:
    """Orders a day at so many a second."""
    return rate * DAY_SECONDS


def number(value: float, *, whole: bool = False) -> str:
    """Two digits that count, thousands with commas."""
    if whole:
        return f"{-int(-value // 1):,}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def size(value: float) -> str:
    """Bytes in the unit that a person would use."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{number(value)} {unit}"
        value /= 1000
    raise AssertionError


def share(value: float) -> str:
    """Which part of the time a row is held; more than all of it cannot be."""
    return f"{value:.1%}" if value <= 1 else f"{value:,.1f} × too much"


def main() -> int:
    """Print the table."""
    sys.stdout.write(table(json.loads(MEASURED.read_text())) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
