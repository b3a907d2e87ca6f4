"""docs/fault-matrix.md, rendered from the table and from what its tests say that they tell."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from tests.matrix.table import CELLS, POINTS, ROWS, TOLD

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fault-matrix.md"

HEAD = """# The fault matrix

Every fault at every step of a purchase, and how it must end. Each cell that is not "-" is one
test, which counts how often its fault really struck, fails if it never did, and reads the end from
the bank's own ledger, never from our tables. `tests/matrix/table.py` is the table; this page is
made from it by `python -m tests.matrix` and a test compares the two.

An end is **1** paid once, **0** nothing was paid (the order can be paid again, or is cancelled),
**1x** paid once and what came twice went back by itself, **Rf** sent back exactly once, **503**
refused in words with nothing written and nothing asked of the bank (and a repeat of the request
works), **same** no effect. The words behind an end say how it is come to.
"""

EVENTS = """
How the faults are made: the bank's by its own switches (`PUT /faults`), which it counts; the
database's by PostgreSQL itself (an error of its own at a named point, `shop/failpoints.py`) or by a
wire before it (`tests/faultline.py`) that cuts, freezes, or loses the answer to a COMMIT that was
done; SIGKILL, SIGTERM and SIGSTOP by signals to real processes that are held at their points.

Two rows are told on one server. A synchronous failover is what the shop sees of it: the COMMIT was
done and replicated, its answer and the server are gone, and the next server has everything. An
asynchronous one puts every table back to what it was before the step, as a replica is that did not
get the last of the log.
"""


def import_tests() -> None:
    """Every test of the matrix says which cells it tells when it is imported."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("test_"):
            importlib.import_module(f"tests.matrix.{module.name}")


def render() -> str:
    """The whole page."""
    steps = [f"{letter} {word}" for letter, word in POINTS.items()]
    lines = [HEAD, f"| fault | {' | '.join(steps)} |", "| --- |" + " --- |" * len(steps)]
    for row in ROWS:
        ends = [f"**{end}** {words}".strip() if end != "-" else "-"
                for end, _, words in (cell.partition(" ") for cell in row.cells)]  # fmt: skip
        lines.append(f"| {row.told} | {' | '.join(ends)} |")
    lines += [EVENTS, "## Where each cell is told", "", f"{len(CELLS)} cells.", ""]
    lines += ["| cell | test |", "| --- | --- |"]
    lines += [f"| `{name}` | `{TOLD.get(name, 'told by no test')}[{name}]` |" for name in CELLS]
    return "\n".join(lines) + "\n"
