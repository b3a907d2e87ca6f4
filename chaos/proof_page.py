"""docs/proof.md, written from the result file: `python -m chaos.proof_page` (make proof)."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from chaos import results
from chaos.house import PROJECT

PAGE = PROJECT / "docs" / "proof.md"
LAYERS_RUN = "one layer less"

HEAD = """# Proof

This page is written by `make proof` from `proof/chaos-results.json`, which holds the figures of
real runs; a test compares the two. What each rule of money is guarded by stands in
[rules-and-tests.md](rules-and-tests.md); the invariants are `shop/audit/invariants.sql`.

## The drill

`make chaos ORDERS=2000 SEED=1` starts a whole shop of real processes (two web servers, two workers,
beat, PostgreSQL with a replica, Valkey, the bank) and lets seeded shoppers buy at its public
doors: clicks, double clicks, two tabs, switches, cancels, orders that ran out and are paid all
the same, refunds by one or two of the staff. Meanwhile three of ten calls to the bank go wrong,
notifications are lost, doubled and late, a process dies by SIGKILL every two seconds; per 1,000
orders the database is restarted, Redis emptied and frozen, the wire to the database swallows
everything for five seconds and the answer of a COMMIT is lost three times; once a run the
primary is killed and its replica takes over. Then the faults stop, and everything must become
final. The judge reads the bank's ledger and every order's page, and `manage.py audit` compares
every row. The run ends with one line; anything but zeros fails it, and prints the seed, the
commit and the joined history of the orders concerned.

Clocks are shortened for it (`chaos/settings.py`, `chaos/clocks.py`), letters are written but
not carried, and the web servers and workers are forked from one process that has loaded the
shop, because loading it takes two seconds of a core and one is killed every two.
`make chaos CHAOS=--failover=async` loses commits in the failover; what the bank's statement
shows and our rows lack is then adopted by the audit. `CHAOS=--no-faults` measures the rate
alone, `make chaos ORDERS=10000` and `ORDERS=100000` are the long soaks.

Money taken twice for a while is wanted here: half of the shoppers with two tabs pay in both, and
a bank page that was opened cannot be closed before its time limit.

An order that an asynchronous failover erased whole cannot be paid or delivered any more: money
that came for it is found by reconciling and laid on a person's desk. That is what asynchronous
replication costs, and why a shop should not use it.

Not in the drill: pages and their forms (the browser tests have them), the bank's own death,
growth of memory over days, more than one machine.
"""


def page(kept: Mapping[str, Any]) -> str:
    """The whole page."""
    runs = {name: run for name, run in kept.items() if name != LAYERS_RUN}
    parts = [HEAD, "## The runs\n", *_runs(runs), *_meaning(runs)]
    for name, run in runs.items():
        if run["faults"]:
            parts += [f"\n## What happened in: {name}\n", *_sometimes(run)]
    if LAYERS_RUN in kept:
        parts += ["\n## One layer less\n", *_layers(kept[LAYERS_RUN])]
    parts += ["\n## What did not reach its goal\n", *_short_of(runs)]
    return "\n".join(parts) + "\n"


def _runs(runs: Mapping[str, Any]) -> Iterator[str]:
    for name, run in runs.items():
        pay = run["latency_ms"]["pay"]
        calm = "never" if run["calm_seconds"] is None else f"{run['calm_seconds']} s"
        yield f"**{name}**: `{run['line']}`\n"
        yield (
            f"- {run['date']}, commit `{run['commit']}`, seed {run['seed']}, {run['machine']}\n"
            f"- {run['storm_seconds']} s, {run['orders_per_second']} orders a second; all final "
            f"{calm} after the faults stopped\n"
            f"- pay: p50 {pay['p50']} ms, p99 {pay['p99']} ms, longest {pay['max']} ms; "
            f"questions to the bank per attempt: mean {run['polls_mean']}, at most "
            f"{run['polls_max']}\n"
            f"- audit: {run['violations']} violations in {run['movements']} movements, "
            f"{run['adopted']} adopted; money was taken twice for a while from "
            f"{run['gross_double']} orders, and went back by itself\n"
        )


def _meaning(runs: Mapping[str, Any]) -> Iterator[str]:
    orders = sum(run["orders"] for run in runs.values() if run["faults"] and run["clean"])
    if orders:
        yield (
            f"Zero in {orders} orders under these faults means, with 95 % certainty, less than "
            f"{3 / orders:.1g} of them (the rule of three)."
        )


def _sometimes(run: Mapping[str, Any]) -> Iterator[str]:
    yield "| what must have happened | how often | floor |"
    yield "| --- | --- | --- |"
    for one in run["sometimes"]:
        short = "" if one["reached"] else " (below)"
        yield f"| {one['what']} | {one['count']} | {one['floor']}{short} |"


def _layers(found: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Five layers stop a second charge, and the bank's own key is a sixth; behind them the\n"
        "second capture is sent back by itself. Each was taken away alone, with mostly impatient\n"
        "shoppers: the numbers are the second requests that each layer caught.\n"
    )
    names = sorted({layer for run in found.values() for layer in run["caught"]})
    yield f"| without | orders | charged twice | for a while | {' | '.join(names)} |"
    yield f"| --- | --- | --- | --- |{' --- |' * len(names)}"
    for layer, run in found.items():
        counts = " | ".join(str(run["caught"].get(name, 0)) for name in names)
        yield (
            f"| {layer} | {run['orders']} | {run['zeros']['double']} | {run['gross_double']} "
            f"| {counts} |"
        )
    yield (
        "\n*refund* is the last net itself: without it a second capture stays, and the judge must\n"
        "say so."
    )
    some = next(iter(found.values()))
    yield f"\n{some['date']}, commit `{some['commit']}`, seed {some['seed']}, {some['machine']}."


def _short_of(runs: Mapping[str, Any]) -> Iterator[str]:
    short = [f"- {name}: {what}" for name, run in runs.items() for what in _missed(run)]
    yield from short or ["Nothing."]


def _missed(run: Mapping[str, Any]) -> Iterator[str]:
    """Each goal of a run that was not reached, as a sentence."""
    pay = run["latency_ms"]["pay"]
    calm = math.inf if run["calm_seconds"] is None else run["calm_seconds"]
    p50, p99, rate = (500, 5000, 2000 / 120) if run["faults"] else (150, 500, 30)
    goals = [
        ("orders a second", run["orders_per_second"], round(rate, 1), False),
        ("seconds until all was final", calm, 10, True),
        ("ms for half of the payments' starts", pay["p50"], p50, True),
        ("ms for 99 in 100 of them", pay["p99"], p99, True),
        ("questions per attempt", run["polls_mean"], 1.6, True),
        ("questions for one attempt", run["polls_max"], 12, True),
        (
            "orders whose money was taken twice for a while",
            run["gross_double"],
            run["orders"] // 1000,
            True,
        ),
    ]
    for what, found, goal, at_most in goals:
        if (found > goal) if at_most else (found < goal):
            yield f"{found} {what}; the goal is {'at most' if at_most else 'at least'} {goal}"
    for one in run["sometimes"] if run["faults"] else ():
        if not one["reached"]:
            yield f"{one['what']}: {one['count']} times, the floor is {one['floor']}"


if __name__ == "__main__":
    PAGE.write_text(page(results.read()), encoding="utf-8")
