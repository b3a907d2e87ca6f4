"""The report of one drill: a page that needs nothing else, drawn by us."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from chaos import drawing
from chaos.figures import latency

if TYPE_CHECKING:
    from chaos.drill import Outcome

STATES = ("paid", "paying", "unpaid", "cancelled", "refunded")
#: Of the pieces a run's latency is drawn in.
PIECES = 40
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;color:#1d262d}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #d8dde1;padding:.25rem .6rem;text-align:left}td.n{text-align:right}
svg{width:100%;font:11px system-ui,sans-serif;fill:#3c4852}figure{margin:1.5rem 0}
figcaption{font-weight:600}pre{background:#f4f6f7;padding:1rem;overflow-x:auto;font-size:12px}
.line{font:600 1.05rem ui-monospace,monospace;background:#f4f6f7;padding:1rem}.bad{color:#b3261e}
"""


def page(
    outcome: "Outcome",
    figures: Mapping[str, Any],
    polls: Mapping[int, int],
    stories: Sequence[Sequence[str]],
) -> str:
    """The whole page."""
    parts = [
        f"<h1>Drill of {figures['date']}</h1>",
        f'<p class="line">{escape(figures["line"])}</p>',
        _facts(figures),
        _findings(outcome),
        "<h2>What must have happened</h2>",
        _sometimes(figures["sometimes"]),
        "<h2>Over time</h2>",
        _states(outcome),
        _latencies(outcome),
        drawing.bars("Questions to the bank per attempt", {str(n): c for n, c in polls.items()}),
        drawing.bars("How the shoppers bought", figures["scenarios"]),
        "<h2>What broke</h2>",
        _table(("what", "how often"), {**figures["struck"], **figures["events"]}.items()),
        "<h2>Which layer caught a second request</h2>",
        _table(("layer", "how often"), figures["caught"].items()),
        "<h2>Answers of the shop</h2>",
        _latency_table(figures["latency_ms"]),
        _table(("status", "how often"), figures["answers"].items()),
        *(f"<h2>History of {escape(s[0])}</h2><pre>{escape(chr(10).join(s[1:]))}</pre>"
          for s in stories),
    ]  # fmt: skip
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Drill</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _facts(figures: Mapping[str, Any]) -> str:
    calm = figures["calm_seconds"]
    rows = {
        "commit": figures["commit"],
        "seed": figures["seed"],
        "machine": figures["machine"],
        "duration": f"{figures['storm_seconds']} s, {figures['orders_per_second']} orders a second",
        "final after the faults stopped": "never" if calm is None else f"{calm} s",
        "failover": f"{figures['failover']}, {figures['failover_seconds']} s",
        "questions per attempt": f"mean {figures['polls_mean']}, at most {figures['polls_max']}",
        "money taken twice for a while": f"{figures['gross_double']} orders, all sent back"
        if figures["clean"]
        else str(figures["gross_double"]),
        "audit": f"{figures['violations']} violations in {figures['movements']} movements, "
        f"{figures['adopted']} adopted, {figures['on_the_desk']} orders on a person's desk",
        "seconds of a core": ", ".join(f"{k} {v}" for k, v in figures["core_seconds"].items()),
    }
    return _table(("", ""), rows.items())


def _findings(outcome: "Outcome") -> str:
    found = [f"{zero}: {what}" for zero, whats in outcome.verdict.found.items() for what in whats]
    found += [
        f"{v['invariant']} {v['subject']}: {v['detail']}" for v in outcome.audit["violations"]
    ]
    found += outcome.ended_by_itself
    if not found:
        return ""
    listed = "".join(f"<li>{escape(one)}</li>" for one in found)
    return f'<h2 class="bad">Found</h2><ul>{listed}</ul>'


def _sometimes(counted: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (one["what"], one["count"], one["floor"], "" if one["reached"] else "below the floor")
        for one in counted
    ]
    return _table(("what", "how often", "floor", ""), rows)


def _latency_table(doors: Mapping[str, Mapping[str, int]]) -> str:
    rows = [(door, d["count"], d["p50"], d["p99"], d["max"]) for door, d in doors.items()]
    return _table(("door", "answers", "p50 ms", "p99 ms", "longest ms"), rows)


def _table(head: Sequence[str], rows: Any) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{titles}</tr>{body}</table>"


def _states(outcome: "Outcome") -> str:
    series = {
        state: [(look.at - outcome.began, look.orders.get(state, 0)) for look in outcome.looks]
        for state in STATES
    }
    series["attempts in doubt"] = [(k.at - outcome.began, k.in_doubt) for k in outcome.looks]
    marks = [(at - outcome.began, what) for at, what in outcome.happened]
    return drawing.lines("Orders by state", series, marks=marks)


def _latencies(outcome: "Outcome") -> str:
    asked = [(at - outcome.began, ms) for visit in outcome.visits
             for _, at, ms, status in visit["asked"] if status]  # fmt: skip
    length = max((at for at, _ in asked), default=1) / PIECES
    pieces: dict[int, list[int]] = defaultdict(list)
    for at, ms in asked:
        pieces[int(at / length)].append(ms)
    marks = [(at - outcome.began, what) for at, what in outcome.happened]
    series = {
        name: [((n + 0.5) * length, latency(found)[name]) for n, found in sorted(pieces.items())]
        for name in ("p50", "p99")
    }
    return drawing.lines("Milliseconds until an answer", series, marks=marks)


def count_caught(events: Sequence[Mapping[str, Any]], outcome: "Outcome") -> dict[str, int]:
    """How many second requests each layer stopped, from the logs and the shoppers' records."""
    caught = Counter(str(event["layer"]) for event in events)
    caught["button"] += sum(visit["caught_by_button"] for visit in outcome.visits)
    return dict(caught)
