"""Money going back: staff's forms, the refund's row, the bank, and who drives it."""

from collections.abc import Iterator

from payments.models.payment import State
from payments.models.refund import RefundKind, RefundState
from tests.model import orders
from tests.model.funnel import refund_told
from tests.model.rules import Rules
from tests.model.scene import Scene
from tests.model.world import Fact, Refund, World

Steps = Iterator[tuple[str, World, bool]]
NOT_OPENED, DONE_WITH = -2, -1


def steps(world: World, scene: Scene, rules: Rules) -> Steps:
    for s, amount in enumerate(scene.staff):
        yield from _staff(world, s, amount, scene, rules)
    for r, refund in enumerate(world.refunds):
        if refund.wire:
            yield from _arrives(world, r, scene, rules)
        if refund.bank:
            yield from _at_the_bank(world, r, scene)
        yield from _driven(world, r, rules)
        yield from _asked_again(world, r, scene, rules)
        if refund.late_news:
            yield from _late_news(world, r, rules)


# --- staff ----------------------------------------------------------------------------------


def _staff(world: World, s: int, amount: int, scene: Scene, rules: Rules) -> Steps:
    form, at = world.forms[s], world.settling
    who = f"staff {s + 1}"
    if at is None or form == DONE_WITH:
        return
    so_far = world.spoken_for(*at)
    if form == NOT_OPENED:
        if world.attempts[at[0]].takings[at[1]].amount > so_far:
            yield (
                f"{who} opens the form: {so_far} of 2 refunded so far",
                _form(world, s, so_far),
                False,
            )
        return
    left = world.attempts[at[0]].takings[at[1]].amount - so_far
    over = amount > left and rules.on("refund-cap")
    done = _form(world, s, DONE_WITH)
    if over or (form != so_far and rules.on("refund-seen")):
        yield f"{who} submits: refused with fresh figures", done, True
        return
    refund = Refund(*at, amount, RefundKind.STAFF, seen=form)
    if not rules.on("refund-row-first"):
        refund = refund._replace(state="", wire=1, driver="waiting")
    yield f"{who} submits: {amount} go back", done._replace(refunds=(*done.refunds, refund)), True


def _form(world: World, s: int, value: int) -> World:
    forms = list(world.forms)
    forms[s] = value
    return world._replace(forms=tuple(forms))


# --- the bank -------------------------------------------------------------------------------


def _arrives(world: World, r: int, scene: Scene, rules: Rules) -> Steps:
    refund = world.refunds[r]
    name = f"refund {r + 1}"
    arrived = world.with_refund(r, wire=refund.wire - 1)
    yield f"the request of {name} gets lost on its way", arrived, True
    if refund.bank:
        yield from _answered(arrived, r, f"the bank repeats its answer about {name}")
        if not rules.on("refund-own-key") and refund.bank == "done" and not refund.again:
            twice = arrived.with_refund(r, again=1)
            yield from _answered(twice, r, f"the bank takes {name} for a new one")
        return
    capture = world.attempts[refund.attempt].takings[refund.taking].amount
    same = [r for r in world.refunds if (r.attempt, r.taking) == (refund.attempt, refund.taking)]
    gone = sum(other.amount for other in same if other.bank in ("done", "working"))
    if scene.losses and gone + refund.amount > capture:
        courses = ["failed"]  # this bank keeps its own cap
    else:
        courses = ["done", *(c for c in scene.refunds if c in ("working", "failed"))]
    for course in courses:
        taken = arrived.with_refund(r, bank=course)
        yield from _answered(taken, r, f"{name} reaches the bank: {course}")


def _answered(world: World, r: int, text: str) -> Steps:
    yield f"{text} (nobody hears it)", world, True
    if world.refunds[r].driver == "waiting":
        yield text, world.with_refund(r, driver=world.refunds[r].bank), True


def _at_the_bank(world: World, r: int, scene: Scene) -> Steps:
    refund = world.refunds[r]
    if refund.bank == "working":
        yield f"the bank finishes refund {r + 1}", world.with_refund(r, bank="done"), True
        yield (
            f"refund {r + 1} fails at the bank",
            world.with_refund(r, bank="failed", late_news=True),
            False,
        )
    if refund.bank == "done" and "late" in scene.refunds:
        yield (
            f"refund {r + 1}, which was done, fails after all",
            world.with_refund(r, bank="failed", late_news=True),
            False,
        )


# --- who drives it --------------------------------------------------------------------------


def _driven(world: World, r: int, rules: Rules) -> Steps:
    refund, name = world.refunds[r], f"refund {r + 1}"
    swept = refund.is_outstanding and rules.on("refund-sweep")
    if swept and not refund.driver:
        if refund.state == RefundState.PENDING:
            yield (
                f"the sweep asks about {name}: {refund.bank}",
                world.with_refund(r, driver=refund.bank),
                True,
            )
        elif refund.wire < 2:
            sent = world.with_refund(
                r, state=RefundState.SENT, driver="waiting", wire=refund.wire + 1
            )
            yield f"{name} is sent", sent, refund.wire == 0
    if refund.driver == "waiting":
        silent = world.with_refund(r, driver="")
        if not rules.on("refund-doubt"):
            silent = silent.with_refund(r, state=RefundState.FAILED)
        yield f"no answer about {name}, or the process dies", silent, True
    elif refund.driver:
        for after in record(world.with_refund(r, driver=""), r, refund.driver, rules):
            yield f"recorded about {name}: {refund.driver}", after, True
        yield f"the process that drives {name} dies", world.with_refund(r, driver=""), False


def _asked_again(world: World, r: int, scene: Scene, rules: Rules) -> Steps:
    """A notification comes again; nothing is leased when a final row is asked about."""
    refund = world.refunds[r]
    if refund.asker:
        written = world.with_refund(r, asker="", asked="")
        for after in record(written, r, refund.asker, rules, refund.asked):
            yield f"recorded about refund {r + 1}: {refund.asker}", after, True
    elif "late" in scene.refunds and refund.state in (RefundState.DONE, RefundState.FAILED):
        asked = world.with_refund(r, asker=refund.bank, asked=refund.state)
        text = f"a repeated notification has us ask about refund {r + 1}: {refund.bank}"
        yield text, asked, False


def record(
    world: World, r: int, word: str, rules: Rules, asked: str = RefundState.SENT
) -> Iterator[World]:
    """`refunding.record_refund`: the one place that moves a refund by the bank's word."""
    refund = world.refunds[r]
    overtaken = word == "done" and refund.state == RefundState.FAILED != asked
    if overtaken and rules.on("refund-overtaken"):
        yield world
        return
    if word == "working" and not rules.on("refund-final"):
        word = "failed"
    if word == refund.bank == "failed":
        world = world.with_refund(r, late_news=False)
    if refund.state == "":
        if rules.on("refund-row-first"):
            yield world  # the row is gone
            return
        world = world.with_refund(r, state=RefundState.SENT)
        refund = world.refunds[r]
    if word == "done" and refund.state != RefundState.DONE:
        after = world.with_refund(r, state=RefundState.DONE)
        yield from orders.told(after, (refund_told(after, r),), rules)
    elif word == "failed" and refund.state != RefundState.FAILED:
        yield from _failed(world, r, rules)
    elif word == "working" and refund.state == RefundState.SENT:
        yield world.with_refund(r, state=RefundState.PENDING)
    else:
        yield world


def _failed(world: World, r: int, rules: Rules) -> Iterator[World]:
    refund = world.refunds[r]
    was_done = refund.state == RefundState.DONE
    if was_done and not rules.on("refund-late-word"):
        yield world
        return
    after = world.with_refund(r, state=RefundState.FAILED)
    settles = world.attempts[refund.attempt].takings[refund.taking].role == State.CAPTURED
    yield from orders.told(after, (Fact("unrefunded", settles, was_done),), rules)


def _late_news(world: World, r: int, rules: Rules) -> Steps:
    """The bank tells that a refund failed: told until we have asked and heard."""
    refund = world.refunds[r]
    if refund.driver:
        return  # somebody is at it: the hint waits
    told = world.with_refund(r, late_news=rules.on("refund-news"))
    text = f"the bank tells about refund {r + 1}, and is asked: {refund.bank}"
    yield text, told.with_refund(r, driver=refund.bank), True
