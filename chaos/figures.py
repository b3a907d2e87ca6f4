"""The figures of one drill: what the result file keeps and the report shows."""

import os
import platform
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chaos.house import PROJECT, House
from chaos.sometimes import Sometimes

if TYPE_CHECKING:
    from chaos.drill import Outcome

POLLS = "SELECT poll_count, count(*) FROM payments_payment GROUP BY 1 ORDER BY 1"
SERVER_ERROR = 500
DOORS = ("place", "pay", "status", "read", "cancel", "refund")


def polls_of(house: House) -> dict[int, int]:
    """How many attempts were asked about how often."""
    return {int(polls): int(count) for polls, count in house.primary.ask(POLLS)}


def figures(
    outcome: "Outcome", sometimes: Sequence[Sometimes], polls: Mapping[int, int]
) -> dict[str, Any]:
    """Everything that is kept of a run, as plain JSON."""
    orders, options = len(outcome.visits), outcome.options
    asked = [request for visit in outcome.visits for request in visit["asked"]]
    return {
        "line": outcome.line,
        "clean": is_clean(outcome, asked),
        "commit": commit(),
        "seed": options.seed,
        "date": datetime.fromtimestamp(outcome.began, UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "orders": orders,
        "failover": options.failover,
        "failover_seconds": outcome.failover_seconds,
        "layer_off": options.layer_off,
        "faults": outcome.fault_count,
        "kills": outcome.counts.get("kills", 0),
        "zeros": outcome.verdict.counts,
        "violations": len(outcome.audit["violations"]),
        "adopted": outcome.adopted,
        "on_the_desk": len(outcome.verdict.on_the_desk),
        "movements": len(outcome.movements),
        "storm_seconds": outcome.storm_seconds,
        "orders_per_second": round(orders / max(outcome.storm_seconds, 0.1), 1),
        "calm_seconds": outcome.calm_seconds,
        "struck": dict(sorted(outcome.struck.items())),
        "events": dict(sorted(outcome.counts.items())),
        "latency_ms": {door: latency(r[2] for r in asked if r[0] == door and r[3])
                       for door in DOORS},
        "answers": statuses(asked),
        "polls_mean": round(sum(n * c for n, c in polls.items()) / max(1, sum(polls.values())), 2),
        "polls_max": max(polls, default=0),
        "scenarios": dict(Counter(visit["scenario"] for visit in outcome.visits)),
        "sometimes": [vars(one) | {"reached": one.reached} for one in sometimes],
        "core_seconds": outcome.burden,
        "caught": outcome.caught,
        "gross_double": gross_doubles(outcome),
    }  # fmt: skip


def is_clean(outcome: "Outcome", asked: Sequence[Sequence[Any]]) -> bool:
    """Six zeros, every invariant, and no 500: a database that is away is a 503."""
    errors = any(status == SERVER_ERROR for *_, status in asked)
    return outcome.verdict.is_clean and not outcome.audit["violations"] and not errors


def latency(milliseconds: Iterable[int]) -> dict[str, int]:
    """How many, the median, the 99th in a hundred and the longest, in milliseconds."""
    told = sorted(milliseconds)
    if not told:
        return {"count": 0, "p50": 0, "p99": 0, "max": 0}
    return {
        "count": len(told),
        "p50": told[len(told) // 2],
        "p99": told[min(len(told) - 1, len(told) * 99 // 100)],
        "max": told[-1],
    }


def statuses(asked: Sequence[Sequence[Any]]) -> dict[str, int]:
    """Answers by status; 0 is a connection that broke."""
    return dict(sorted(Counter(str(request[3]) for request in asked).items()))


def gross_doubles(outcome: "Outcome") -> int:
    """Orders whose money was taken twice at some moment, before it went back."""
    by_order: dict[str, int] = defaultdict(int)
    owner = {ref: v["number"] for v in outcome.visits for ref in v["references"]}
    for movement in outcome.movements:
        if movement["kind"] == "charge":
            by_order[owner.get(movement["reference"], movement["reference"])] += 1
    return sum(count > 1 for count in by_order.values())


def commit() -> str:
    """The commit that ran, and whether something was changed since."""

    def git(*argv: str) -> str:
        done = subprocess.run(
            ["git", *argv], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+changes" if changed else "")


def machine() -> str:
    """What it ran on, as far as it matters for a figure."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, load {load:.1f} at the end"
    )
