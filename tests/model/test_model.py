"""The protocol holds in every interleaving, and each guard is needed: without it a trace shows."""

import re
from pathlib import Path

import pytest

from payments.outcomes import TABLE
from tests.model.explorer import explore
from tests.model.guards import GUARDS
from tests.model.rules import Rules
from tests.model.scenes import SCENES, UNREACHED

NEEDED = [(g, s) for g, guard in GUARDS.items() if not guard.beside for s in guard.scenarios]
DOUBLE = [(g, s) for g, guard in GUARDS.items() if guard.beside for s in guard.scenarios]


def test_no_promise_breaks_and_every_cell_that_can_be_met_is_met():
    cells, broken, shrunk = set(), {}, {}
    for scene in SCENES.values():
        rules = Rules()
        seen = explore(scene, rules)
        cells |= rules.cells
        if seen.violation:
            broken[scene.name] = [seen.violation, *seen.trace]
        if seen.states < scene.floor or not seen.rests:
            shrunk[scene.name] = seen.states
    assert (broken, shrunk) == ({}, {})
    assert set(TABLE) - cells == set(UNREACHED)


@pytest.mark.parametrize(("guard", "scene"), NEEDED)
def test_without_a_guard_a_promise_breaks(guard, scene):
    seen = explore(SCENES[scene], Rules([guard]))
    assert seen.violation, f"{guard} is not needed in {scene}"
    assert seen.trace


@pytest.mark.parametrize(("guard", "scene"), DOUBLE)
def test_of_two_guards_either_holds_alone_and_none_does_not(guard, scene):
    assert not explore(SCENES[scene], Rules([guard])).violation
    assert explore(SCENES[scene], Rules([guard, GUARDS[guard].beside])).violation


def test_a_guard_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="no such guard: luck"):
        Rules(["luck"])


def test_the_page_tells_every_guard_and_every_scenario():
    page = (Path(__file__).parents[2] / "docs" / "model.md").read_text()
    told = set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE))
    assert told == set(GUARDS) | set(SCENES)
    for guard in GUARDS.values():
        assert f"| {guard.promise} |" in page
