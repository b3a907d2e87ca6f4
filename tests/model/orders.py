"""Orders' side: what money does to an order, as `orders/outcomes.py` has it."""

from collections.abc import Iterable, Iterator

from orders.models.order import OrderState as State
from payments.models.refund import RefundKind
from tests.model.rules import Rules
from tests.model.world import OWED, Fact, Refund, World

Steps = Iterator[tuple[str, World, bool]]


def told(world: World, facts: Iterable[Fact], rules: Rules) -> Iterator[World]:
    """The end of a transaction: orders hear its facts at once, or cannot and the relay will."""
    heard = world
    for fact in facts:
        heard = hear(heard, fact, rules)
    yield heard
    deaf = world.budget[0] if world.budget else 0
    if deaf and facts:
        waiting = tuple(sorted((*world.outbox, *facts))) if rules.on("relay") else world.outbox
        yield world._replace(outbox=waiting, budget=(deaf - 1, *world.budget[1:]))


def hear(world: World, fact: Fact, rules: Rules) -> World:
    """One fact, as its subscriber takes it at once."""
    if fact.name == "captured":
        return money_came(world, rules)
    if fact.name == "ended":
        return world if fact.one else attempts_ended(world)
    if fact.name == "refunded":
        return money_went_back(world, rules) if fact.one and fact.two else world
    return refund_fell_through(world) if fact.one and fact.two else world


def steps(world: World, rules: Rules) -> Steps:
    """The relay, orders' own look at what is paying, and other people's orders."""
    for fact in sorted(set(world.outbox)):
        waiting = list(world.outbox)
        waiting.remove(fact)
        rest = world._replace(outbox=tuple(waiting))
        late = rules.on("truth-not-fact")
        heard = follow(rest, rules) if late else hear(rest, fact, rules)
        yield f"the relay tells orders: {fact.name}", heard, True
    if world.order.is_open:
        seen = follow(world, rules)
        if seen != world:
            own = world.order.state == State.PAYING
            yield "orders look for themselves" if own else "the shopper checks", seen, own
    if world.order.stock == "free":
        gone = world._replace(order=world.order._replace(stock="elsewhere"))
        yield "somebody else buys the piece", gone, False


def attempt_started(world: World) -> World | None:
    """unpaid → paying; None when the order refuses and the start is undone."""
    order = world.order
    if order.state == State.CANCELLED or (order.is_open and order.cancel_wanted):
        return None
    if order.state == State.UNPAID:
        return world._replace(order=order._replace(state=State.PAYING))
    return world


def money_came(world: World, rules: Rules) -> World:
    """The settling capture: paid, or, when cancelled, paid after all or sent back."""
    order = world.order
    if order.is_open:
        return world._replace(order=order._replace(state=State.PAID, stock="sold"))
    if order.state != State.CANCELLED or order.returned or not rules.on("late-money"):
        return world
    if order.stock == "free" or not rules.on("stock-retaken"):
        stock = "sold" if order.stock == "free" else order.stock
        return world._replace(order=order._replace(state=State.PAID, stock=stock))
    return _send_back(world)


def _send_back(world: World) -> World:
    at = world.settling
    if at is None:
        return world
    left = world.attempts[at[0]].takings[at[1]].amount - world.spoken_for(*at)
    refunds = (*world.refunds, Refund(*at, left, RefundKind.RETURNED)) if left else world.refunds
    return world._replace(order=world.order._replace(returned=True), refunds=refunds)


def attempts_ended(world: World) -> World:
    """Nothing may arrive any more: cancelled when that was wanted, else payable again."""
    order = world.order
    if order.is_open and order.cancel_wanted:
        return cancel(world) if order.close_answered else world
    if order.state == State.PAYING:
        return world._replace(order=order._replace(state=State.UNPAID))
    return world


def cancel(world: World) -> World:
    """Closed unpaid: the pieces go back."""
    if not world.order.is_open:
        return world
    return world._replace(order=world.order._replace(state=State.CANCELLED, stock="free"))


def money_went_back(world: World, rules: Rules) -> World:
    if world.order.state != State.PAID or not rules.on("refund-told"):
        return world
    return world._replace(order=world.order._replace(state=State.REFUNDED))


def refund_fell_through(world: World) -> World:
    if world.order.state != State.REFUNDED:
        return world
    return world._replace(order=world.order._replace(state=State.PAID))


def follow(world: World, rules: Rules) -> World:
    """The truth as payments' rows have it now, whatever was told and when."""
    order, at = world.order, world.settling
    if at is None:
        if world.may_still_arrive:
            return (attempt_started(world) or world) if order.state == State.UNPAID else world
        return attempts_ended(world)
    back = world.refunded(*at)
    if order.is_open or (order.state == State.CANCELLED and world.spoken_for(*at) < OWED):
        world = money_came(world, rules)
    if world.order.state == State.PAID and back >= OWED:
        return money_went_back(world, rules)
    if world.order.state == State.REFUNDED and back < OWED:
        return refund_fell_through(world)
    return world
