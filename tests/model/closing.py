"""Cancelling and expiry: the wish, the closed intent, the bank's answers, then the order."""

from collections.abc import Iterator

from payments.models.payment import Role
from tests.model import funnel, orders
from tests.model.rules import Rules
from tests.model.scene import Scene
from tests.model.shopper import close_sent, supersede
from tests.model.world import Talk, World

Steps = Iterator[tuple[str, World, bool]]


def steps(world: World, scene: Scene, rules: Rules) -> Steps:
    order = world.order
    if not scene.cancels:
        return
    if order.is_open and not order.cancel_wanted:
        yield from _wishes(world, rules)
    for talk in world.talks:
        if talk.who == "cancel":
            yield from _closing(world, talk, scene, rules)
            return
    if order.is_open and order.cancel_wanted and rules.on("pursue-close"):
        yield "the intent is closed to new payments", _want_closed(world), _is_due(world)


def _wishes(world: World, rules: Rules) -> Steps:
    wanted = world._replace(order=world.order._replace(cancel_wanted=True))
    if not rules.on("close-before-cancel"):
        yield "the order is cancelled at once", orders.cancel(wanted), False
    elif rules.on("pursue-close"):
        yield "the shopper cancels, or the order runs out: the wish is on disk", wanted, False
    else:
        yield (
            "the shopper cancels: the intent is closed to new payments",
            _want_closed(wanted),
            False,
        )


def _is_due(world: World) -> bool:
    """Another try would bring something new."""
    live = world.live
    return (
        not world.may_still_arrive
        or not world.closed
        or (live is not None and not world.attempts[live].sender)
        or not world.order.close_answered
    )


def _want_closed(world: World) -> World:
    """`closing._want_closed`: then the live attempt is closed, unless somebody is at it."""
    if world.settling is not None:
        return _stand(world)
    world = world._replace(closed=True)
    live = world.live
    if live is None:
        return _stand(world)
    world = world.with_attempt(live, close_wanted=True, polled=True)
    if world.attempts[live].sender:
        return _stand(world)
    return world.with_talk(Talk("cancel", live, "close"))


def _stand(world: World) -> World:
    """`closing.standing`: how the closed intent stands, as read now and written later."""
    verdict = "paid" if world.settling else "waiting" if world.may_still_arrive else "closed"
    return world.with_talk(Talk("cancel", 0, "stand", close=verdict))


def _closing(world: World, talk: Talk, scene: Scene, rules: Rules) -> Steps:
    name, gone = scene.bank.methods[talk.attempt].name, world.without(talk)
    if scene.crashes:
        yield "the process that cancels dies", gone, False
    if talk.stage == "close":
        yield from close_sent(world, talk, scene, rules)
    elif talk.stage == "told":
        for after in funnel.record(gone, talk, rules):
            retire = talk.close == "not closable" and after.attempts[talk.attempt].role == Role.LIVE
            then = after.with_talk(Talk("cancel", talk.attempt, "retire"))
            yield (
                f"recorded about {name}: {talk.close or 'no answer'}",
                (then if retire else _stand(after)),
                True,
            )
    elif talk.stage == "retire":
        yield (
            f"{name} cannot be closed: it is left behind",
            _stand(_retire(gone, talk, rules)),
            True,
        )
    else:
        yield f"orders record that the intent is {talk.close}", _answered(gone, talk, rules), True


def _retire(world: World, talk: Talk, rules: Rules) -> World:
    if world.attempts[talk.attempt].role != Role.LIVE:
        return world
    return supersede(world, talk.attempt, rules).with_attempt(talk.attempt, close_wanted=False)


def _answered(world: World, talk: Talk, rules: Rules) -> World:
    if talk.close == "paid":
        return orders.follow(world, rules)
    if talk.close == "closed":
        return orders.cancel(world)
    if world.order.is_open:
        return world._replace(order=world.order._replace(close_answered=True))
    return world
