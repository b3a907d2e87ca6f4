"""The database fails at each step: refused in words or finished later, and never charged twice."""

from __future__ import annotations

from tests.bank import Bank
from tests.factories import new_key
from tests.faultline import FaultLine
from tests.matrix.scene import Scene
from tests.matrix.table import Cell, tells
from tests.matrix.troubles import TROUBLES, Trouble
from tests.matrix.walks import WALKS


@tells(
    lock="BSWPXR",
    disk_full="BCSWPXR",
    restart="BCSWPXR",
    commit_lost="BSWPXR",
    failover_sync="BCSWPXR",
    black_hole="BCSWPXR",
    pool="BSWPXR",
)
def test_a_database_that_fails_costs_nobody_money(cell: Cell, bank: Bank, wire: FaultLine):
    for trouble in TROUBLES[cell.fault]:
        for point in WALKS[cell.point].strikes:
            strike_once(cell, bank, wire, trouble, point)


def strike_once(cell: Cell, bank: Bank, wire: FaultLine, trouble: Trouble, point: str) -> None:
    scene = Scene(bank)
    walk = WALKS[cell.point](scene, new_key())
    walk.prepare()
    before = scene.movements, scene.references
    with trouble(wire, point) as struck:
        status = walk.act()
    assert struck.hits, f"{cell.fault} never happened at {point}"
    if cell.end == "503" and point == walk.strikes[0]:
        assert status == 503
        assert (scene.movements, scene.references) == before
    walk.finish()
    scene.ended(walk.end)
