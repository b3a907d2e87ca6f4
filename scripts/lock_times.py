"""How long a row is held: from the statement that locks it to the end of the transaction.

Read from PostgreSQL's own log with `log_min_duration_statement = 0` and the prefix below, so that
the time between two statements, which the shop spends thinking, is counted as well.
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

#: Time to the millisecond, the backend, and the transaction's own number within it.
PREFIX = "%m|%p|%v|"
SETTINGS = {"log_min_duration_statement": "0", "log_line_prefix": PREFIX, "log_timezone": "UTC"}
LINE = re.compile(
    r"^(?P<at>[\d-]+ [\d:.]+) UTC\|(?P<pid>\d+)\|(?P<txn>[^|]*)\|"
    r"LOG:  duration: (?P<ms>[\d.]+) ms  "
    r"(?:statement|execute [^:]*): (?P<sql>.*)$",
    re.DOTALL,
)
#: The lock and the statement that takes it.
LOCKS = {
    lock: re.compile(rf"\b{table}\b.*\bFOR (NO KEY )?UPDATE\b(?! SKIP)", re.DOTALL)
    for lock, table in {
        "stock of a product": "orders_product",
        "payment intent": "payments_paymentintent",
        "invoice counter": "orders_invoicecounter",
    }.items()
}


def held(log: str) -> dict[str, list[float]]:
    """Milliseconds for which each kind of lock was held, one figure for each transaction."""
    found: dict[str, list[float]] = defaultdict(list)
    open_since: dict[str, dict[str, float]] = defaultdict(dict)
    for at, pid, took, sql in _statements(log):
        word = sql.lstrip().split(None, 1)[0].upper() if sql.strip() else ""
        if word in ("COMMIT", "ROLLBACK"):
            for lock, began in open_since.pop(pid, {}).items():
                found[lock].append(at - began)
            continue
        for lock, takes in LOCKS.items():
            if takes.search(sql):
                # From its start on: while it waits for its turn it is held by somebody else, but
                # these figures are taken where nobody waits.
                open_since[pid].setdefault(lock, at - took)
    return dict(found)


def summed_up(log: str, *, orders: int) -> dict[str, dict[str, float]]:
    """Of each lock how often an order takes it, the median, and the quickest tenth.

    On a busy machine the median counts what others made us wait for a core; the quickest tenth is
    nearest to what the lock itself needs.
    """
    return {
        lock: {
            "an_order": round(len(times) / orders, 1),
            "median_ms": round(statistics.median(times), 1),
            "quick_ms": round(statistics.quantiles(times, n=10)[0] if times[1:] else times[0], 1),
        }
        for lock, times in held(log).items()
    }


def _statements(log: str) -> Iterator[tuple[float, str, float, str]]:
    """(end in milliseconds, backend, duration, text) of each statement, in the log's order."""
    for entry in re.split(r"\n(?=[\d-]+ [\d:.]+ UTC\|)", log):
        line = LINE.match(entry)
        if line:
            at = datetime.fromisoformat(f"{line['at']}+00:00").timestamp() * 1000
            yield at, line["pid"], float(line["ms"]), line["sql"]
