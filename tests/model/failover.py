"""A failover that loses the last commits, and the reconciliation that finds what they held.

Every process dies with it. The bank and the wire keep what they have.
"""

from collections.abc import Iterator

from payments.models.payment import Role, State
from tests.model import funnel
from tests.model.rules import Rules
from tests.model.scene import Scene
from tests.model.sweep import question
from tests.model.world import Attempt, Taking, World

Steps = Iterator[tuple[str, World, bool]]


def rows(world: World) -> World:
    """What lies in PostgreSQL, and nothing else."""
    return World(
        order=world.order,
        closed=world.closed,
        attempts=tuple(
            Attempt(
                a.state, a.role, a.send_count, a.shown, a.close_wanted, a.capture_wanted, a.polled,
                takings=tuple(Taking(0, taking.role) for taking in a.takings),
            )
            for a in world.attempts
        ),
        refunds=tuple(
            r._replace(bank="", again=0, wire=0, driver="", asker="", asked="")
            for r in world.refunds
        ),
        outbox=world.outbox,
    )  # fmt: skip


def remember(before: World, after: World, scene: Scene) -> World:
    """Keep the rows before the last commits, as long as a failover may bring them back."""
    if not after.budget[1]:
        return after
    was = rows(before)
    if rows(after) == was:
        return after
    return after._replace(past=(*after.past, was)[-scene.losses :])


def steps(world: World, scene: Scene, rules: Rules) -> Steps:
    if not (scene.losses or scene.statement):
        return
    for lost, was in enumerate(reversed(world.past), 1):
        yield f"PostgreSQL fails over: the last {lost} commit(s) are lost", _back(world, was), False
    for i, attempt in enumerate(world.attempts):
        unbooked = any(not taking.role for taking in attempt.takings)
        lost_refund = any(
            r.attempt == i and r.bank == "done" and r.state == "" for r in world.refunds
        )
        if (unbooked and rules.on("adopt")) or (lost_refund and rules.on("adopt-refund")):
            yield from _reconcile(world, i, scene, rules)


def _reconcile(world: World, i: int, scene: Scene, rules: Rules) -> Steps:
    """The bank's statement has a movement that our rows lack: adopt it."""
    name = scene.bank.methods[i].name
    if not world.attempts[i].has_row:
        reborn = world.with_attempt(i, state=State.SUPERSEDED, role=Role.NONE)
        yield f"the statement shows {name}: its row is written anew", reborn, True
        return
    talk = question(world, i)
    useful = next(funnel.record(world, talk, rules)) != world
    if useful and not any(t.who == "ask" for t in world.talks):
        yield f"the statement has us ask about {name}", world.with_talk(talk), True


def _back(world: World, was: World) -> World:
    attempts = tuple(_restored(now, then) for now, then in zip(world.attempts, was.attempts,
                                                               strict=True))  # fmt: skip
    refunds = tuple(
        now._replace(
            state=was.refunds[r].state if r < len(was.refunds) else "",
            driver="",
            asker="",
            asked="",
        )
        for r, now in enumerate(world.refunds)
    )
    return world._replace(
        order=was.order,
        closed=was.closed,
        attempts=attempts,
        refunds=refunds,
        outbox=was.outbox,
        talks=(),
        budget=(world.budget[0], 0),
        past=(),
    )


def _restored(now: Attempt, then: Attempt) -> Attempt:
    known = {t: taking.role for t, taking in enumerate(then.takings)}
    takings = tuple(taking._replace(role=known.get(t, "")) for t, taking in enumerate(now.takings))
    return then._replace(
        bank=now.bank,
        refusing=now.refusing,
        wire=now.wire,
        capture_wire=now.capture_wire,
        takings=takings,
        sender="",
        captures=False,
    )
