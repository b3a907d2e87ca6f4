"""What a gateway can say, and the one table of what we do about it.

(state, role) of the row and the kind of outcome pick a move. Nothing else moves a payment;
docs/payment-states.md is rendered from this table, and every cell has a test.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from payments.gateways import base
from payments.models.payment import Payment, Role, State


class Kind(StrEnum):
    """An outcome, as far as moving the row goes."""

    CAPTURED = "captured"
    DECLINED = "declined"
    CLOSED = "closed"
    ABSENT = "absent"  # not found after the horizon: no request can be on its way any more
    PENDING = "pending"
    AUTHORIZED = "authorized"  # the shopper agreed; the money moves when we capture
    NOT_FOUND = "not found"  # within the horizon: proves nothing
    UNKNOWN = "unknown"


#: Verdicts that give an attempt up: written only if nothing was sent since the question.
GIVE_UP = {Kind.DECLINED, Kind.CLOSED, Kind.ABSENT}


class Move(StrEnum):
    """What the funnel does with the row."""

    BOOK = "book"  # settle the intent, or send the surplus back
    OPEN = "open"
    DOUBT = "doubt"
    CAPTURE = "capture"  # want the money that the shopper agreed to
    DECLINE = "decline"
    CLOSE = "close"
    WATCH = "watch"  # ask again later, although our row looked final
    REVIEW = "review"  # a person decides
    STAY = "stay"


@dataclass(frozen=True)
class Outcome:
    """One answer about one payment, and how often we had sent it when we asked."""

    kind: Kind
    asked_send_count: int
    snapshot: base.Snapshot | None = None
    note: str = ""
    # The call that brought it: what was asked and how long the answer took.
    operation: str = ""
    milliseconds: int = 0


BOOK, OPEN, DOUBT, DECLINE = Move.BOOK, Move.OPEN, Move.DOUBT, Move.DECLINE
CLOSE, WATCH, REVIEW, STAY = Move.CLOSE, Move.WATCH, Move.REVIEW, Move.STAY
TAKE = Move.CAPTURE

COLUMNS = list(Kind)
# fmt: off
ROWS: dict[tuple[State, Role], list[Move]] = {
    #                          captured declined closed absent pending authorized not found unknown
    (State.CREATED, Role.LIVE):      [BOOK, DECLINE, CLOSE, CLOSE,  OPEN,  TAKE,  STAY, DOUBT],
    (State.OPEN, Role.LIVE):         [BOOK, DECLINE, CLOSE, CLOSE,  STAY,  TAKE,  STAY, STAY],
    (State.UNKNOWN, Role.LIVE):      [BOOK, DECLINE, CLOSE, CLOSE,  OPEN,  TAKE,  STAY, STAY],
    (State.SUPERSEDED, Role.NONE):   [BOOK, DECLINE, CLOSE, CLOSE,  STAY,  STAY,  STAY, STAY],
    (State.CAPTURED, Role.SETTLING): [BOOK, REVIEW,  STAY,  REVIEW, STAY,  STAY,  STAY, STAY],
    (State.SURPLUS, Role.NONE):      [BOOK, REVIEW,  STAY,  REVIEW, STAY,  STAY,  STAY, STAY],
    (State.DECLINED, Role.NONE):     [BOOK, STAY,    STAY,  STAY,   WATCH, WATCH, STAY, STAY],
    (State.CLOSED, Role.NONE):       [BOOK, STAY,    STAY,  STAY,   WATCH, WATCH, STAY, STAY],
}
# fmt: on
TABLE = {
    (state, role, kind): move
    for (state, role), moves in ROWS.items()
    for kind, move in zip(COLUMNS, moves, strict=True)
}


def decide(payment: Payment, outcome: Outcome) -> Move:
    """The table's move, except that a stale verdict gives nothing up."""
    stale = outcome.asked_send_count != payment.send_count
    if stale and outcome.kind in GIVE_UP and not payment.is_final:
        return Move.WATCH
    return TABLE[State(payment.state), Role(payment.role), outcome.kind]


def outcome_of(
    snapshot: base.Snapshot, payment: Payment, *, horizon: timedelta, now: datetime
) -> Outcome:
    """The gateway's word, read for this row."""
    kinds = {
        base.State.CAPTURED: Kind.CAPTURED,
        base.State.PENDING: Kind.PENDING,
        base.State.AUTHORIZED: Kind.AUTHORIZED,
        base.State.DECLINED: Kind.DECLINED,
        base.State.CLOSED: Kind.CLOSED,
        base.State.NOT_FOUND: Kind.NOT_FOUND,
    }
    kind = kinds[snapshot.state]
    if kind is Kind.NOT_FOUND and payment.not_found_is_final(now, horizon):
        kind = Kind.ABSENT
    return Outcome(kind, payment.send_count, snapshot, snapshot.note)


def in_doubt(payment: Payment, why: str) -> Outcome:
    """No trustworthy answer."""
    return Outcome(Kind.UNKNOWN, payment.send_count, note=why)


def refused(payment: Payment, code: str) -> Outcome:
    """The gateway's own no to opening this payment."""
    return Outcome(Kind.DECLINED, payment.send_count, note=code)
