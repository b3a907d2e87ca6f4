"""The funnel: an answer moves a row by the product's table, in one transaction.

`record` follows `payments/recording.py`, `book` follows `payments/booking.py`.
"""

from collections.abc import Iterator

from payments.models.payment import Role, State
from payments.models.refund import RefundKind, RefundState
from payments.outcomes import Kind, Move
from tests.model import orders
from tests.model.rules import Rules
from tests.model.world import OWED, Fact, Refund, Talk, World

Told = tuple[World, tuple[Fact, ...]]


def record(world: World, talk: Talk, rules: Rules) -> Iterator[World]:
    """Every way in which this transaction may end: orders hear its facts, or are deaf."""
    row = world.attempts[talk.attempt]
    if not row.has_row:
        yield world  # its row was lost: the process fails
        return
    move = rules.decide(row, talk.kind, talk.asked)
    booked = move is Move.BOOK
    done = book(world, talk, rules) if booked else _move(world, talk, move, rules)
    if done is None:
        yield world  # refused by the database or the machine: undone, a person is told
        return
    yield from orders.told(*done, rules)


def _move(world: World, talk: Talk, move: Move, rules: Rules) -> Told | None:
    i, row = talk.attempt, world.attempts[talk.attempt]
    arrow = {Move.OPEN: "open", Move.DOUBT: "unknown", Move.DECLINE: "declined",
             Move.CLOSE: "closed"}.get(move)  # fmt: skip
    if move is Move.CAPTURE and row.state != State.OPEN:
        arrow = "open"
    if arrow and not rules.arrow(row.state, arrow):
        return None
    if move in (Move.DECLINE, Move.CLOSE):
        state = State.DECLINED if move is Move.DECLINE else State.CLOSED
        if row.role == Role.SETTLING:
            world = world.with_taking(i, 0, "")  # only without "no-demotion"
        world = world.with_attempt(
            i, state=state, role=Role.NONE, polled=False, close_wanted=False, capture_wanted=False
        )
        return world, ended(world)
    told = talk.kind in (Kind.PENDING, Kind.AUTHORIZED)
    changes: dict[str, object] = {"shown": row.shown or told}
    if talk.who == "capture" and talk.kind == Kind.PENDING:
        changes["capture_wanted"] = False  # it took nothing and never will
    closing = row.close_wanted or world.closed
    if move is Move.CAPTURE and not (closing and rules.on("capture-or-close")):
        changes["capture_wanted"] = True
    if arrow:
        changes["state"] = State(arrow)
    if not row.is_final or move is Move.WATCH:
        asked_on = row.state != State.SUPERSEDED or rules.on("ask-the-superseded")
        changes["polled"] = asked_on
    elif talk.kind != Kind.UNKNOWN:
        changes["polled"] = False
    return world.with_attempt(i, **changes), ()


def ended(world: World) -> tuple[Fact, ...]:
    """An attempt ended without paying: told unless the intent is paid anyway."""
    if world.settling is not None:
        return ()
    return (Fact("ended", one=world.may_still_arrive),)


def book(world: World, talk: Talk, rules: Rules) -> Told | None:
    """Book every capture that the answer shows."""
    i = talk.attempt
    world, facts = _adopt_refunds(world, talk, rules)
    takings = world.attempts[i].takings[: talk.seen]
    fresh = [t for t, taking in enumerate(takings) if not taking.role]
    if not fresh:
        return world.with_attempt(i, polled=False), facts
    for t in fresh:
        is_twin = any(taking.role for taking in world.attempts[i].takings)
        if is_twin and not rules.on("twin-row"):
            continue
        if _settles(world, talk, t, rules):
            done = _settle(world, i, t, is_twin, rules)
        else:
            done = _send_back(world, talk, t, is_twin, rules)
        if done is None:
            return None
        world, facts = done[0], (*facts, *done[1])
    return world, facts


def _settles(world: World, talk: Talk, t: int, rules: Rules) -> bool:
    amount = world.attempts[talk.attempt].takings[t].amount
    if amount != OWED and rules.on("amount"):
        return False
    back = any(
        r in talk.backs and (world.refunds[r].attempt, world.refunds[r].taking) == (talk.attempt, t)
        for r in range(len(world.refunds))
    )
    if back and rules.on("net-capture"):
        return False
    settled = world.settling is not None
    if not (rules.on("lock") or rules.on("index")):
        settled = talk.settled  # as this process read it before it wrote
    return not (settled and rules.on("one-settles"))


def _settle(world: World, i: int, t: int, is_twin: bool, rules: Rules) -> Told | None:
    live = world.live
    if rules.on("index"):
        if world.settling is not None:
            return None
        if live not in (None, i) and not rules.on("retire-first"):
            return None
    if live not in (None, i) and rules.on("retire-first"):
        assert live is not None
        polled = rules.on("ask-the-superseded")
        world = world.with_attempt(
            live, state=State.SUPERSEDED, role=Role.NONE, close_wanted=True, polled=polled
        )
    if not is_twin:
        if not rules.arrow(world.attempts[i].state, "captured"):
            return None
        world = world.with_attempt(
            i,
            state=State.CAPTURED,
            role=Role.SETTLING,
            polled=False,
            close_wanted=False,
            capture_wanted=False,
        )
    return world.with_taking(i, t, State.CAPTURED), (Fact("captured"),)


def _send_back(world: World, talk: Talk, t: int, is_twin: bool, rules: Rules) -> Told | None:
    i = talk.attempt
    if not is_twin:
        if not rules.arrow(world.attempts[i].state, "surplus"):
            return None
        world = world.with_attempt(
            i,
            state=State.SURPLUS,
            role=Role.NONE,
            polled=False,
            close_wanted=False,
            capture_wanted=False,
        )
    world = world.with_taking(i, t, State.SURPLUS)
    world, facts = _adopt_refunds(world, talk, rules)
    left = world.attempts[i].takings[t].amount - world.spoken_for(i, t)
    if left and rules.on("send-back"):
        if rules.on("same-transaction"):
            world = world._replace(refunds=(*world.refunds, Refund(i, t, left)))
        else:
            world = world._replace(tasks=(*world.tasks, (i, t)))
    return world, (*facts, *ended(world))


def _adopt_refunds(world: World, talk: Talk, rules: Rules) -> Told:
    """Book refunds that the answer shows on a booked taking and that have no row."""
    facts: tuple[Fact, ...] = ()
    for r in talk.backs:
        refund = world.refunds[r]
        taking = world.attempts[refund.attempt].takings[refund.taking]
        lost = refund.attempt == talk.attempt and refund.state == "" and taking.role
        left = taking.amount - world.spoken_for(refund.attempt, refund.taking)
        if lost and refund.amount <= left and rules.on("adopt-refund"):
            world = world.with_refund(r, state=RefundState.DONE, kind=RefundKind.ADOPTED)
            facts = (*facts, refund_told(world, r))
    return world, facts


def refund_told(world: World, r: int) -> Fact:
    """RefundDone, as the payment's sums now say it."""
    refund = world.refunds[r]
    taking = world.attempts[refund.attempt].takings[refund.taking]
    back = world.refunded(refund.attempt, refund.taking)
    return Fact("refunded", taking.role == State.CAPTURED, back == taking.amount)
