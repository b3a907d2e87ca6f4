"""What must hold: in every state, over every step, and when everything has come to rest."""

from orders.models.order import OrderState
from payments.models.payment import UNSETTLED, Role, State
from payments.models.refund import RefundState
from tests.model.scene import Scene
from tests.model.world import OWED, World

LIVE_OR_SETTLING = (Role.LIVE, Role.SETTLING)
PAID_ONCE = (OrderState.PAID, OrderState.REFUNDED)


def broken_by_step(before: World, after: World) -> str:
    """The settling capture keeps that role for ever (a failover may undo what it lost)."""
    if (
        before.settling
        and after.settling != before.settling
        and len(after.past) >= len(before.past)
    ):
        return "the settling payment changed"
    if after.settling and not before.settling:
        written = [talk for talk in before.talks if talk not in after.talks]
        shown = {r for talk in written for r in talk.backs}
        if any(
            (after.refunds[r].attempt, after.refunds[r].taking) == after.settling for r in shown
        ):
            return "a capture that the answer shows as sent back pays the order"
    return ""


def broken_always(world: World, scene: Scene) -> str:
    """What must hold in every state."""
    roles = [a.role for a in world.attempts]
    if sum(role in LIVE_OR_SETTLING for role in roles) > 1:
        return "two attempts are live or settling"
    if sum(t.role == State.CAPTURED for a in world.attempts for t in a.takings) > 1:
        return "two captures settle one intent"
    names = [
        method.name
        for method, a in zip(scene.bank.methods, world.attempts, strict=True)
        if a.has_row and not a.is_final
    ]
    if len(names) != len(set(names)) and not scene.losses:
        return "one method has two attempts that are not dead"
    if scene.one_capture and sum(len(a.takings) for a in world.attempts) > 1:
        return "the shopper was charged twice, even if one goes back"
    return _broken_money(world, scene) or _broken_order(world, scene)


def _broken_money(world: World, scene: Scene) -> str:
    for i, attempt in enumerate(world.attempts):
        if len(attempt.takings) > 1 and not scene.bank.keyless:
            return "one attempt was charged twice"
        for t, taking in enumerate(attempt.takings):
            if world.went_back(i, t) > taking.amount:
                return "more went back than was captured"
            if world.spoken_for(i, t) > taking.amount:
                return "our rows promise more back than was captured"
    meant = [r.seen for r in world.refunds if r.seen >= 0 and (r.counts or r.bank == "done")]
    if len(meant) != len(set(meant)):
        return "two of the staff sent back what was meant once"
    return ""


def _broken_order(world: World, scene: Scene) -> str:
    order, at = world.order, world.settling
    if order.state in PAID_ONCE and at is None:
        return "the order is paid, and the bank took nothing for it"
    if at and order.state in PAID_ONCE and world.attempts[at[0]].takings[at[1]].amount != OWED:
        return "the order is paid with a wrong amount"
    if order.state == OrderState.PAID and order.stock != "sold":
        return "the order is paid without its piece"
    if order.state == OrderState.CANCELLED and world.may_still_arrive and not scene.losses:
        return "the order is cancelled while money may still arrive"
    return ""


def broken_at_rest(world: World, scene: Scene) -> str:
    """What must hold when nobody is at anything and nothing is on its way."""
    order = world.order
    if order.state == OrderState.PAYING or (order.is_open and order.cancel_wanted):
        return "the order is stuck"
    if any(a.state in UNSETTLED for a in world.attempts):
        return "an attempt is stuck"
    if world.outbox or world.talks or any(r.is_outstanding for r in world.refunds):
        return "a refund, a fact or a wish is stuck"
    return _unbooked(world) or _net(world)


def _unbooked(world: World) -> str:
    for attempt in world.attempts:
        if any(not taking.role for taking in attempt.takings):
            return "a capture is not booked"
    for refund in world.refunds:
        if (refund.state == RefundState.DONE) != (refund.bank == "done"):
            return "our rows and the bank disagree about a refund"
    return ""


def _net(world: World) -> str:
    order, at = world.order, world.settling
    kept = 0
    for i, attempt in enumerate(world.attempts):
        for t, taking in enumerate(attempt.takings):
            net = taking.amount - world.went_back(i, t)
            failed = any(
                (r.attempt, r.taking) == (i, t) and r.state == RefundState.FAILED
                for r in world.refunds
            )
            if (i, t) == at:
                kept = net
            elif net and not failed:  # a failed refund has a review case: a person decides
                return "the shopper is charged twice: a surplus was kept"
    if order.state == OrderState.PAID and not kept:
        return "the order is paid, and its money went back"
    if order.state == OrderState.REFUNDED and kept:
        return "the order is refunded, and its money was kept"
    if order.state not in PAID_ONCE and kept and not _has_case(world):
        return "the shopper paid, and the order does not know"
    return ""


def _has_case(world: World) -> bool:
    at = world.settling
    return any((r.attempt, r.taking) == at and r.state == RefundState.FAILED for r in world.refunds)
