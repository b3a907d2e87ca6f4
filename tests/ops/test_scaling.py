"""docs/scaling.md says what was measured, and computes from nothing else."""

import json
from pathlib import Path

import pytest

from scripts import lock_times, scaling_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"
COST = json.loads(scaling_table.MEASURED.read_text())


def test_the_table_is_the_one_that_the_measured_costs_give():
    # `python scripts/scaling_table.py` prints it anew.
    assert scaling_table.table(COST) in PAGE.read_text()


def test_the_measured_figures_on_the_page_are_those_of_the_file():
    told = PAGE.read_text()
    for name, figure in (
        ("rows", f"{COST['rows']:.1f} rows"),
        ("bytes", f"{COST['packed_bytes']:,} bytes"),
        ("log", f"{COST['wal_bytes']:,} bytes of log"),
        ("web", f"{COST['cpu_ms']['web']:.1f} ms of the web"),
        ("worker", f"{COST['cpu_ms']['worker']:.1f} ms of a worker"),
        ("postgres", f"{COST['cpu_ms']['postgres']:.1f} ms of PostgreSQL"),
    ):
        assert figure in told, (name, figure)


LOG = """\
2026-11-25 10:00:00.010 UTC|7|4/1|LOG:  duration: 2.000 ms  statement: SELECT 1
FROM "orders_product" WHERE x FOR NO KEY UPDATE
2026-11-25 10:00:00.011 UTC|8|5/1|LOG:  duration: 0.100 ms  execute <unnamed>: SELECT now()
2026-11-25 10:00:00.012 UTC|8|5/1|LOG:  duration: 0.100 ms  statement: COMMIT
2026-11-25 10:00:00.020 UTC|7|4/1|LOG:  duration: 1.000 ms  statement: COMMIT
2026-11-25 10:00:00.021 UTC|7|4/2|LOG:  disconnection
"""


def test_a_row_is_held_from_its_lock_to_the_end_of_the_transaction():
    held = lock_times.held(LOG)
    assert set(held) == {"stock of a product"}
    assert held["stock of a product"] == pytest.approx([12.0])
    assert lock_times.summed_up(LOG, orders=1)["stock of a product"]["median_ms"] == 12.0


def test_of_many_the_quickest_tenth_is_told_beside_the_median():
    log = LOG + LOG.replace("00.020", "00.090") * 9
    told = lock_times.summed_up(log, orders=5)["stock of a product"]
    assert told["an_order"] == 2
    assert told["quick_ms"] < told["median_ms"] == 82.0


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1667, "0.17"), (16.7, "17"), (1666.7, "1,667"), (3.456, "3.5")]
)
def test_a_figure_has_no_more_digits_than_it_deserves(value, shown):
    assert scaling_table.number(value) == shown


def test_a_row_that_would_be_held_longer_than_time_passes_is_called_too_much():
    assert scaling_table.share(0.254) == "25.4%"
    assert scaling_table.share(3.0) == "3.0 × too much"
