"""What decides: the product's own table and arrows, and which guards are in force."""

from collections.abc import Iterable
from functools import cache
from typing import cast

from payments import outcomes
from payments.models import Payment
from payments.models.payment import Role, State
from payments.outcomes import Kind, Move, Outcome
from tests.model.guards import GUARDS
from tests.model.world import Attempt

Cell = tuple[State, Role, Kind]
HAS_MONEY = (State.CAPTURED, State.SURPLUS)


class Rules:
    """The guards that are on, and the product's decisions, remembered for one run."""

    def __init__(self, without: Iterable[str] = ()) -> None:
        self.without = frozenset(without)
        if unknown := self.without - set(GUARDS):
            raise ValueError(f"no such guard: {', '.join(sorted(unknown))}")
        self.cells: set[Cell] = set()
        self._moves: dict[tuple[str, str, str, bool], Move] = {}

    def on(self, guard: str) -> bool:
        return guard not in self.without

    def decide(self, attempt: Attempt, kind: str, asked: int) -> Move:
        """The move that `payments.outcomes.decide` picks for this row and this answer."""
        stale = asked != attempt.send_count and self.on("compare-and-set")
        question = (attempt.state, attempt.role, kind, stale)
        if question not in self._moves:
            self._moves[question] = self._decide(attempt, Kind(kind), stale)
        return self._moves[question]

    def _decide(self, attempt: Attempt, kind: Kind, stale: bool) -> Move:
        if kind is Kind.UNKNOWN and not self.on("no-answer-is-no-no"):
            kind = Kind.DECLINED
        if kind is Kind.NOT_FOUND and not self.on("horizon"):
            kind = Kind.ABSENT
        if attempt.state in HAS_MONEY:
            if kind in outcomes.GIVE_UP and not self.on("no-demotion"):
                return Move.DECLINE
        elif kind is Kind.CAPTURED and attempt.role == Role.NONE and not self.on("late-success"):
            return Move.STAY
        asked = attempt.send_count - 1 if stale else attempt.send_count
        move = outcomes.decide(cast(Payment, attempt), Outcome(kind, asked))
        if not (stale and move is Move.WATCH):
            self.cells.add((State(attempt.state), Role(attempt.role), kind))
        return move

    def arrow(self, state: str, name: str) -> bool:
        """Whether the payment's machine has this arrow: without it the transaction is undone."""
        demotes = state in HAS_MONEY and not self.on("no-demotion")
        return demotes or (state, f"mark_{name}") in arrows()


@cache
def arrows() -> frozenset[tuple[str, str]]:
    """(state, arrow) of the product's own state machine."""
    field = Payment._meta.get_field("state")
    found = field.get_all_transitions(Payment)
    return frozenset((str(arrow.source), arrow.name) for arrow in found)
