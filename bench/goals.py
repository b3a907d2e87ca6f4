"""What the figures of a run say about the goals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.operations import OPERATIONS

SWEEP_OF_ONE_STATEMENT = 0.45
PUSH_TIMES_BARE = 2.0
P99_OF_P50 = 2.0
GROWTH = 1.15
TITLES = {operation.name: operation.title for operation in OPERATIONS}
TITLES |= {
    "sweep": "sweep's claim of due payments",
    "relay": "relay",
    "push": "push to 100 open pages",
}


@dataclass(frozen=True)
class Verdict:
    """One ratio beside its goal."""

    what: str
    ratio: float
    goal: float
    at_least: bool = True

    @property
    def reached(self) -> bool:
        """As printed: two figures that look the same are the same."""
        ratio = round(self.ratio, 3 if self.goal < 1 else 2)
        return ratio >= self.goal if self.at_least else ratio <= self.goal

    @property
    def goal_text(self) -> str:
        """With its direction."""
        return f"{'≥' if self.at_least else '≤'} {self.goal:.2f}"


def verdicts(results: dict[str, Any]) -> list[Verdict]:
    """Every goal that a run can show; ratios are those of its smallest database."""
    sizes = sorted(results["sizes"], key=int)
    small = results["sizes"][sizes[0]]["figures"]
    return [*_ratios(small), *_growth(results, sizes)]


def _ratios(small: dict[str, Any]) -> Iterator[Verdict]:
    for operation in (o for o in OPERATIONS if o.name in small):
        of = small[operation.name]
        shop = of["shop"]["per_second"]
        if operation.of_limit:
            ratio = shop / of["limit"]["per_second"]
            yield Verdict(f"{operation.title} : limit", ratio, operation.of_limit)
        if operation.of_floor:
            ratio = shop / of["floor"]["per_second"]
            yield Verdict(f"{operation.title} : floor", ratio, operation.of_floor)
    for operation in (o for o in OPERATIONS if o.of_limit and o.name in small):
        shop = small[operation.name]["shop"]
        ratio = shop["p99"] / shop["p50"]
        yield Verdict(f"{operation.title}, p99 : p50", ratio, P99_OF_P50, at_least=False)
    if "sweep" in small:
        ratio = small["sweep"]["shop"]["figure"] / small["sweep"]["limit"]["figure"]
        yield Verdict(f"{TITLES['sweep']} : one statement", ratio, SWEEP_OF_ONE_STATEMENT)
    if "push" in small:
        ratio = small["push"]["shop"]["figure"] / small["push"]["limit"]["figure"]
        what = f"{TITLES['push']} : bare subscription, time"
        yield Verdict(what, ratio, PUSH_TIMES_BARE, at_least=False)


def _growth(results: dict[str, Any], sizes: list[str]) -> Iterator[Verdict]:
    if len(sizes) < 2:
        return
    small, large = (results["sizes"][size]["figures"] for size in (sizes[0], sizes[-1]))
    span = f"{int(sizes[-1]):,} : {int(sizes[0]):,} orders"
    for name in (name for name in TITLES if name in small and name in large):
        before, after = small[name]["shop"], large[name]["shop"]
        if "p50" in before:
            ratio = after["p50"] / before["p50"]
        else:
            # The push is a time; the others are rates.
            ratio = after["figure"] / before["figure"]
            ratio = ratio if name == "push" else 1 / ratio
        yield Verdict(f"{TITLES[name]}, time at {span}", ratio, GROWTH, at_least=False)
