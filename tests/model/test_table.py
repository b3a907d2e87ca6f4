"""The model reads the product's own table: a changed cell is a changed protocol, and shows."""

import pytest

from payments import outcomes
from payments.models.payment import Role, State
from payments.outcomes import Kind, Move
from tests.model.explorer import Exploration, explore
from tests.model.rules import Rules
from tests.model.scenes import SCENES

CREATED, OPEN, UNKNOWN = State.CREATED, State.OPEN, State.UNKNOWN
LEFT, DECLINED, CLOSED = State.SUPERSEDED, State.DECLINED, State.CLOSED
ROLE = {State.CAPTURED: Role.SETTLING, **dict.fromkeys((CREATED, OPEN, UNKNOWN), Role.LIVE)}

#: (state, outcome, another move, the scenario that shows it)
NOTICED = [
    # money that is not booked
    *[(state, Kind.CAPTURED, Move.STAY, "one") for state in (CREATED, OPEN, UNKNOWN)],
    (LEFT, Kind.CAPTURED, Move.STAY, "left"),
    (DECLINED, Kind.CAPTURED, Move.STAY, "late"),
    (CLOSED, Kind.CAPTURED, Move.STAY, "late"),
    (State.CAPTURED, Kind.CAPTURED, Move.STAY, "twins"),
    (State.SURPLUS, Kind.CAPTURED, Move.STAY, "twins"),
    # an end without the bank's last word
    (CREATED, Kind.UNKNOWN, Move.DECLINE, "one"),
    (OPEN, Kind.UNKNOWN, Move.DECLINE, "switch"),
    (UNKNOWN, Kind.UNKNOWN, Move.DECLINE, "one"),
    (LEFT, Kind.UNKNOWN, Move.CLOSE, "left"),
    *[(state, Kind.NOT_FOUND, Move.CLOSE, "one") for state in (CREATED, OPEN, UNKNOWN)],
    (LEFT, Kind.NOT_FOUND, Move.CLOSE, "left"),
    *[(state, Kind.PENDING, Move.CLOSE, "one") for state in (CREATED, OPEN)],
    (UNKNOWN, Kind.PENDING, Move.DECLINE, "one"),
    (LEFT, Kind.PENDING, Move.CLOSE, "left"),
    # the bank's last word, not heard
    *[(state, Kind.DECLINED, Move.STAY, "one") for state in (CREATED, OPEN, UNKNOWN)],
    (LEFT, Kind.DECLINED, Move.STAY, "same"),
    *[(state, Kind.CLOSED, Move.STAY, "one") for state in (CREATED, OPEN, UNKNOWN)],
    (LEFT, Kind.CLOSED, Move.STAY, "left"),
    *[(state, Kind.ABSENT, Move.STAY, "one") for state in (CREATED, UNKNOWN)],
    (LEFT, Kind.ABSENT, Move.STAY, "left"),
]
#: Changes that break no promise; docs/model.md says why.
UNNOTICED = [
    # either end is an end
    (OPEN, Kind.DECLINED, Move.CLOSE, "one"),
    # a review case moves no money
    (State.CAPTURED, Kind.ABSENT, Move.STAY, "one"),
    # the state machine has no such arrow, and the transaction is undone
    (State.CAPTURED, Kind.ABSENT, Move.DECLINE, "one"),
    (State.CAPTURED, Kind.PENDING, Move.CLOSE, "one"),
    (CLOSED, Kind.NOT_FOUND, Move.DECLINE, "one"),
    # the bank tells of what it opens again until somebody has heard it
    (CLOSED, Kind.PENDING, Move.STAY, "late-wrong"),
    (DECLINED, Kind.PENDING, Move.STAY, "late-wrong"),
    # created, unknown and open are asked about in the same way
    (CREATED, Kind.UNKNOWN, Move.STAY, "one"),
    (UNKNOWN, Kind.PENDING, Move.STAY, "one"),
]


def explore_with(
    patch: pytest.MonkeyPatch, state: State, kind: Kind, move: Move, scene: str
) -> Exploration:
    cell = (state, ROLE.get(state, Role.NONE), kind)
    assert outcomes.TABLE[cell] is not move
    patch.setitem(outcomes.TABLE, cell, move)
    rules = Rules()
    seen = explore(SCENES[scene], rules)
    assert cell in rules.cells
    return seen


@pytest.mark.parametrize(("state", "kind", "move", "scene"), NOTICED)
def test_a_changed_cell_breaks_a_promise(monkeypatch, state, kind, move, scene):
    assert explore_with(monkeypatch, state, kind, move, scene).violation


@pytest.mark.parametrize(("state", "kind", "move", "scene"), UNNOTICED)
def test_these_changes_break_none(monkeypatch, state, kind, move, scene):
    assert not explore_with(monkeypatch, state, kind, move, scene).violation


def test_the_arrows_are_the_product_s_own(monkeypatch):
    """An arrow that the machine does not have undoes the transaction, here as there."""
    assert Rules().arrow(State.CLOSED, "captured")
    assert not Rules().arrow(State.CAPTURED, "declined")
