"""Who asks the bank: the sweep by its rows, notifications, and whoever closes what is left."""

from collections.abc import Iterator

from payments.models.payment import Role, State
from payments.outcomes import Kind
from tests.model import bank as the_bank
from tests.model import funnel, orders
from tests.model.rules import Rules
from tests.model.scene import Scene
from tests.model.shopper import close_sent, supersede
from tests.model.world import Fact, Refund, Talk, World

Steps = Iterator[tuple[str, World, bool]]
#: The bank's last words: a row that knows them learns nothing from a stale copy.
#: How often one attempt is captured at most, repeats included.
CAPTURES = 2
FINAL_WORDS = (Kind.CAPTURED, Kind.CLOSED, Kind.DECLINED)


def steps(world: World, scene: Scene, rules: Rules) -> Steps:
    for i, attempt in enumerate(world.attempts):
        if attempt.has_row:
            yield from _resume(world, i, scene, rules)
            yield from _take(world, i, scene, rules)
            yield from _ask(world, i, scene, rules)
            yield from _believe(world, i, scene, rules)
    yield from _close(world, scene, rules)
    for talk in world.talks:
        if talk.who in ("ask", "sweep"):
            yield from _talking(world, talk, scene, rules)
    for at in world.tasks:
        yield from _late_task(world, at)


def _resume(world: World, i: int, scene: Scene, rules: Rules) -> Steps:
    """The process that opened it died or got no answer: the same request, the same key."""
    row = world.attempts[i]
    waits = row.role == Role.LIVE and not (row.shown or row.close_wanted or row.sender)
    if waits and row.polled and row.send_count < scene.sends and rules.on("poller"):
        again = world.with_attempt(i, send_count=row.send_count + 1, sender="committed")
        yield f"the sweep is about to send {scene.bank.methods[i].name} again", again, True


def _take(world: World, i: int, scene: Scene, rules: Rules) -> Steps:
    """Whoever heard that the shopper agreed, or the sweep: the capture is on disk, then sent."""
    row = world.attempts[i]
    free = row.role == Role.LIVE and row.capture_wanted and not row.sender
    closing = row.close_wanted or world.closed
    if not free or (closing and rules.on("capture-or-close")):
        return
    if row.capture_tries < CAPTURES and rules.on("poller"):
        sent = world.with_attempt(
            i,
            send_count=row.send_count + rules.on("capture-or-close"),
            capture_tries=row.capture_tries + 1,
            sender="committed",
            captures=True,
        )
        yield f"the capture of {scene.bank.methods[i].name} is on disk", sent, True


def question(world: World, i: int) -> Talk:
    """What the bank would answer about this attempt now."""
    row = world.attempts[i]
    return Talk(
        "ask", i, "told", the_bank.kind_of(row), row.send_count, len(row.takings),
        the_bank.shown_backs(world, i), settled=world.settling is not None,
    )  # fmt: skip


def _ask(world: World, i: int, scene: Scene, rules: Rules) -> Steps:
    row, name = world.attempts[i], scene.bank.methods[i].name
    if sum(t.who == "ask" for t in world.talks) >= scene.asks:
        return
    due = row.polled and not row.sender and rules.on("poller")
    due = due and not (row.close_wanted and not row.is_final)
    if not due and not row.bank:
        return
    talk = question(world, i)
    useful = next(funnel.record(world, talk, rules)) != world
    if useful or talk.kind not in FINAL_WORDS:
        who = "the sweep asks" if due else "a notification, perhaps late or repeated, has us ask"
        must = useful and (due or scene.tells)
        yield f"{who} about {name}: {talk.kind}", world.with_talk(talk), must


def _talking(world: World, talk: Talk, scene: Scene, rules: Rules) -> Steps:
    name, gone = scene.bank.methods[talk.attempt].name, world.without(talk)
    if scene.crashes:
        yield f"the process that asks about {name} dies", gone, False
    if talk.stage == "told":
        for after in funnel.record(gone, talk, rules):
            retire = talk.close == "not closable" and not after.attempts[talk.attempt].is_final
            then = after.with_talk(Talk(talk.who, talk.attempt, "retire"))
            text = f"recorded about {name}: {talk.close or talk.kind}"
            yield text, then if retire else after, True
    elif talk.stage == "retire":
        yield f"{name} cannot be closed: it dies by its own time", withdraw(gone, talk, rules), True


def withdraw(world: World, talk: Talk, rules: Rules) -> World:
    """The wish cannot be granted; on a closed intent the attempt is left behind."""
    i = talk.attempt
    if world.closed and world.attempts[i].role == Role.LIVE:
        world = supersede(world, i, rules)
    return world.with_attempt(i, close_wanted=False)


def _close(world: World, scene: Scene, rules: Rules) -> Steps:
    if not rules.on("pursue-close") or any(t.who == "sweep" for t in world.talks):
        return
    for i, row in enumerate(world.attempts):
        wanted = row.close_wanted and row.has_row and not row.is_final
        if wanted and row.polled and not row.sender and rules.on("poller"):
            talk = Talk("sweep", i, "close")
            useful = _brings_something(world, i, scene, rules)
            yield from close_sent(world.with_talk(talk), talk, scene, rules, must=useful)


def _brings_something(world: World, i: int, scene: Scene, rules: Rules) -> bool:
    """Whether another close would change anything, at the bank or here."""
    after, close, _ = the_bank.close(world, i, scene.bank, rules)
    if after != world or close == "not closable":
        return True
    return next(funnel.record(world, question(world, i), rules)) != world


def _believe(world: World, i: int, scene: Scene, rules: Rules) -> Steps:
    """What goes wrong where a notification is more than a hint."""
    row, name = world.attempts[i], scene.bank.methods[i].name
    if not rules.on("failure-is-a-hint") and row.bank == "open" and not row.is_final:
        ended = world.with_attempt(i, state=State.DECLINED, role=Role.NONE, polled=False)
        for after in orders.told(ended, funnel.ended(ended), rules):
            yield (
                f"a first try to pay {name} failed, and its notification is believed",
                after,
                False,
            )
    if not rules.on("verify") and not row.is_final and not row.takings:
        paid = world.with_attempt(i, state=State.CAPTURED, role=Role.SETTLING, polled=False)
        told = orders.hear(paid, Fact("captured"), rules)
        yield f"a forged notification says that {name} was paid", told, False


def _late_task(world: World, at: tuple[int, int]) -> Steps:
    rest = tuple(task for task in world.tasks if task != at)
    left = world.attempts[at[0]].takings[at[1]].amount
    refunds = (*world.refunds, Refund(*at, left))
    yield "the task writes the refund row", world._replace(tasks=rest, refunds=refunds), True
    yield "Redis loses the task", world._replace(tasks=rest), False
