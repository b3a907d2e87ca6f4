"""Each layer taken away alone: the others must still leave every shopper charged once."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos import drill, plan, results

LAYERS = ("none", "button", "key", "redis", "row lock", "index", "gateway key", "refund")
#: Without it money must stay taken twice, or the judge sees nothing.
LAST_NET = "refund"
#: Only the bank lies and processes die: the storm's other weather has its own runs.
PER_THOUSAND = {"lose a commit's answer": 8}


def run_all(told: argparse.Namespace, say: Callable[[str], None]) -> int:
    """One run a layer; 0 when only the last net's absence charges somebody twice."""
    from chaos.command import run, workplace

    orders = told.orders
    kept: dict[str, Any] = {}
    for layer in told.layers or LAYERS:
        say(f"--- without: {layer}")
        options = drill.Options(
            orders=orders, seed=told.seed, failover="none", at_once=told.at_once,
            layer_off="" if layer == "none" else layer, refunds=False,
            mix=plan.IMPATIENT_MIX, per_thousand=PER_THOUSAND,
        )  # fmt: skip
        with workplace(keep=told.keep) as folder:
            found, outcome = run(options, folder, _page(told.report, layer))
        say(outcome.line)
        kept[layer] = {
            name: found[name]
            for name in ("line", "zeros", "violations", "gross_double", "caught", "orders",
                         "commit", "seed", "date", "machine")
        }  # fmt: skip
    if told.keep_results:
        results.keep("one layer less", results.read().get("one layer less", {}) | kept)
    doubles = {layer: found["zeros"]["double"] for layer, found in kept.items()}
    say("charged twice without: " + ", ".join(f"{k} {v}" for k, v in doubles.items()))
    return 0 if all((count > 0) == (layer == LAST_NET) for layer, count in doubles.items()) else 1


def _page(report: Path, layer: str) -> Path:
    return report.with_name(f"{report.stem}-without-{layer.replace(' ', '-')}.html")
