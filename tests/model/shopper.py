"""The shopper's clicks and the processes that serve them: start, send, switch, come back."""

from collections.abc import Iterator

from payments.models.payment import Role, State
from payments.outcomes import Kind
from tests.model import bank as the_bank
from tests.model import funnel, orders
from tests.model.rules import Rules
from tests.model.scene import Scene
from tests.model.world import Attempt, Talk, World

Steps = Iterator[tuple[str, World, bool]]


def steps(world: World, scene: Scene, rules: Rules) -> Steps:
    yield from _starts(world, scene, rules)
    for i, attempt in enumerate(world.attempts):
        if attempt.sender:
            yield from _sender(world, i, scene, rules)
    if scene.switches:
        yield from _switches(world, scene, rules)
    if scene.returns:
        yield from _returns(world, scene)


def unborn(world: World) -> int | None:
    return next((i for i, a in enumerate(world.attempts) if a == Attempt()), None)


# --- starting -------------------------------------------------------------------------------


def _starts(world: World, scene: Scene, rules: Rules) -> Steps:
    i = unborn(world)
    if i is None:
        return
    name = scene.bank.methods[i].name
    free = world.live is None and not in_the_way(world, i, scene, rules)
    if free and (new := born(world, i, rules)):
        yield f"a click opens {name}: the attempt is on disk", new, False
    if rules.on("lock"):
        return
    if free and not world.reader:
        read = world._replace(reader=True)
        yield "another click reads, without the lock, that nothing is in its way", read, False
    if world.reader:
        written = world._replace(reader=False)
        taken = world.live is not None or world.settling is not None
        if taken and rules.on("index"):
            yield "the unique index refuses the click", written, True
        elif new := born(written, i, rules):
            yield f"the click writes {name}", new, True


def in_the_way(world: World, i: int, scene: Scene, rules: Rules) -> bool:
    """Paid, closed, or an attempt by the same method that is not dead."""
    if world.settling is not None or (world.closed and rules.on("closed-intent")):
        return True
    name = scene.bank.methods[i].name
    left = any(
        a.state == State.SUPERSEDED and scene.bank.methods[j].name == name
        for j, a in enumerate(world.attempts)
    )
    return left and rules.on("same-method")


def born(world: World, i: int, rules: Rules) -> World | None:
    """The attempt with its request; None when its order refuses it."""
    if not rules.on("row-first"):
        return world.with_attempt(i, send_count=1, sender="committed")
    new = world.with_attempt(
        i, state=State.CREATED, role=Role.LIVE, send_count=1, polled=True, sender="committed"
    )
    started = orders.attempt_started(new)
    if started is None and not rules.on("closed-intent"):
        return new
    return started


# --- sending --------------------------------------------------------------------------------


def _sender(world: World, i: int, scene: Scene, rules: Rules) -> Steps:
    attempt, name = world.attempts[i], scene.bank.methods[i].name
    gone = world.with_attempt(i, sender="", captures=False)
    if scene.crashes:
        yield f"the process that opens {name} dies", gone, False
    if attempt.captures:
        yield from _capturing(world, i, scene, rules)
    elif attempt.sender == "committed":
        sent = world.with_attempt(i, sender="waiting", wire=attempt.wire + 1)
        yield f"the create of {name} is sent", sent, True
    elif attempt.sender == "waiting":
        silence = Talk("send", i, "told", Kind.UNKNOWN, attempt.send_count)
        for after in _answer(gone, silence, rules):
            yield f"no answer about {name} in time: recorded", after, True
    else:
        answer = Talk(
            "send", i, "told", attempt.sender, attempt.send_count, len(attempt.takings),
            the_bank.shown_backs(world, i), settled=world.settling is not None,
        )  # fmt: skip
        for after in _answer(gone, answer, rules):
            yield f"the answer about {name} is recorded: {attempt.sender}", after, True


def _capturing(world: World, i: int, scene: Scene, rules: Rules) -> Steps:
    attempt, name = world.attempts[i], scene.bank.methods[i].name
    gone = world.with_attempt(i, sender="", captures=False)
    if attempt.sender == "committed":
        sent = world.with_attempt(i, sender="waiting", capture_wire=attempt.capture_wire + 1)
        yield f"the capture of {name} is sent", sent, True
    elif attempt.sender == "waiting":
        silence = Talk("capture", i, "told", Kind.UNKNOWN, attempt.send_count)
        for after in funnel.record(gone, silence, rules):
            yield f"no answer to the capture of {name} in time: recorded", after, True
    else:
        answer = Talk("capture", i, "told", attempt.sender, attempt.send_count,
                      len(attempt.takings), settled=world.settling is not None)  # fmt: skip
        for after in funnel.record(gone, answer, rules):
            yield f"the answer to the capture of {name} is recorded: {attempt.sender}", after, True


def _answer(world: World, talk: Talk, rules: Rules) -> Iterator[World]:
    row = world.attempts[talk.attempt]
    if not rules.on("row-first") and not row.has_row:
        # The row is written with the answer, if nothing came in between.
        if world.live is not None or world.settling is not None:
            yield world
            return
        world = world.with_attempt(talk.attempt, state=State.CREATED, role=Role.LIVE, polled=True)
        world = orders.attempt_started(world) or world
    yield from funnel.record(world, talk, rules)


# --- another method -------------------------------------------------------------------------


def _switches(world: World, scene: Scene, rules: Rules) -> Steps:
    for talk in world.talks:
        if talk.who == "switch":
            yield from _switching(world, talk, scene, rules)
            return
    i, j = world.live, unborn(world)
    if i is None or j is None or world.attempts[i].sender or in_the_way(world, j, scene, rules):
        return
    names = scene.bank.methods[i].name, scene.bank.methods[j].name
    if names[0] == names[1] and not world.attempts[i].close_wanted:
        return  # the same method again is the same payment
    stage = "close" if rules.on("close-first") else "leave"
    wanted = world.with_attempt(i, close_wanted=True).with_talk(Talk("switch", i, stage))
    yield f"the shopper wants {names[1]} instead of {names[0]}: the wish is on disk", wanted, False


def _switching(world: World, talk: Talk, scene: Scene, rules: Rules) -> Steps:
    name, gone = scene.bank.methods[talk.attempt].name, world.without(talk)
    if scene.crashes:
        yield "the process that switches dies", gone, False
    if talk.stage == "close":
        yield from close_sent(world, talk, scene, rules)
    elif talk.stage == "told":
        for after in funnel.record(gone, talk, rules):
            yield (
                f"the switch records about {name}: {talk.close or 'no answer'}",
                _next(after, talk, scene, rules),
                True,
            )
    else:
        yield f"the switch leaves {name}", _open_other(gone, talk, scene, rules), True


def close_sent(world: World, talk: Talk, scene: Scene, rules: Rules, *, must: bool = True) -> Steps:
    """A close reaches the bank; its answer comes back or is lost."""
    i, gone = talk.attempt, world.without(talk)
    name = scene.bank.methods[i].name
    asked = world.attempts[i].send_count
    after, close, kind = the_bank.close(gone, i, scene.bank, rules)
    told = Talk(
        talk.who, i, "told", kind, asked, len(after.attempts[i].takings),
        the_bank.shown_backs(after, i), close, after.settling is not None,
    )  # fmt: skip
    yield f"the bank is asked to close {name}: {close}", after.with_talk(told), must
    silence = Talk(talk.who, i, "told", Kind.UNKNOWN, asked)
    yield f"the bank is asked to close {name}: its answer is lost", after.with_talk(silence), False


def _next(world: World, talk: Talk, scene: Scene, rules: Rules) -> World:
    """What the switch does after this answer."""
    i, row = talk.attempt, world.attempts[talk.attempt]
    if not row.has_row or row.state in (State.CAPTURED, State.SURPLUS):
        return world
    if row.is_final:
        return world.with_talk(Talk("switch", i, "free"))
    j = unborn(world)
    if j is None or scene.bank.methods[i].name == scene.bank.methods[j].name:
        return world
    insists = scene.insists or not rules.on("obey-close")
    if talk.close in ("not closable", "not found") or insists:
        return world.with_talk(Talk("switch", i, "leave"))
    return world


def _open_other(world: World, talk: Talk, scene: Scene, rules: Rules) -> World:
    """Retire the old attempt and write the new one, in one transaction."""
    i, j, live = talk.attempt, unborn(world), world.live
    if j is None or in_the_way(world, j, scene, rules):
        return world
    if live is not None:
        if live != i or talk.stage != "leave":
            return world
        world = supersede(world, i, rules)
        if in_the_way(world, j, scene, rules):
            return world
    return born(world, j, rules) or world


def supersede(world: World, i: int, rules: Rules) -> World:
    polled = rules.on("ask-the-superseded")
    return world.with_attempt(i, state=State.SUPERSEDED, role=Role.NONE, polled=polled)


def _returns(world: World, scene: Scene) -> Steps:
    """Back to an attempt that was left and is not dead: it can be paid again."""
    if world.live is not None or world.settling is not None or world.closed:
        return
    for i, attempt in enumerate(world.attempts):
        # The bank has just been asked; this transaction looks again under the lock.
        if attempt.state == State.SUPERSEDED:
            back = world.with_attempt(i, state=State.OPEN, role=Role.LIVE, close_wanted=False)
            name = scene.bank.methods[i].name
            yield f"the shopper comes back to {name}", back, False
