"""`record_outcome`, the one funnel: nothing else moves a payment.

The direct answer, a notification, a poll, the shopper's return, "check now": all end here.
Lock the intent, look the move up in the table, write state, history and facts: one
transaction, and no gateway is called in it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from payments import booking, registry, reviews
from payments.gateways import base
from payments.models import Payment, PaymentIntent
from payments.models.desk import ReviewKind
from payments.models.payment import Role, State
from payments.outcomes import Kind, Move, Outcome, decide
from payments.trail import Trail, tell_end
from payments.views import WITHHELD, payment_view
from shop import courtesy, failpoints, hot, metrics
from shop.logs import get_logger

log = get_logger(__name__)
Recorded = Callable[[Payment], None]
#: A settled order stays settled; the copy only makes room for others when it goes.
FINAL_CACHED_SECONDS = 3600


def record_outcome(
    *,
    reference: str,
    outcome: Outcome,
    source: str,
    now: datetime,
    actor: str = "",
    then: Recorded | None = None,
) -> Payment:
    """Record what a gateway said about a payment and move it by the table.

    `then` runs at the end of the same transaction (the idempotency key's answer). A unique
    violation re-runs the whole transaction once: whoever won the race is then visible.
    """
    try:
        return _record(reference, outcome, source, now, actor, then)
    except IntegrityError:
        log.info("payments.outcome.raced", payment=reference)
    try:
        return _record(reference, outcome, source, now, actor, then)
    except IntegrityError as clash:
        # No race: the gateway shows a transaction that another payment has booked.
        return _hand_over(reference, clash, now)


def _hand_over(reference: str, clash: IntegrityError, now: datetime) -> Payment:
    payment = Payment.objects.select_related("intent").get(reference=reference)
    reviews.open_case(
        ReviewKind.CONTRADICTION,
        subject=reference,
        order_reference=payment.intent.order_reference,
        now=now,
        clash=str(clash)[:200],
    )
    return payment


def _record(
    reference: str,
    outcome: Outcome,
    source: str,
    now: datetime,
    actor: str,
    then: Recorded | None,
) -> Payment:
    with transaction.atomic(durable=True):
        # Kept out: every other outcome, start, close and refund of the same order.
        payments = Payment.objects.under_lock(reference)
        payment = next(p for p in payments if p.reference == reference)
        intent = payment.intent
        before = vars(payment).copy()
        trail = Trail(intent.order_reference, source, now, actor)
        _fill_in(payment, outcome, source)
        move = decide(payment, outcome)
        if move is Move.CAPTURE:
            _want_capture(payment, intent, trail)
        if move is Move.BOOK:
            booking.book(intent, payments, payment, outcome.snapshot, trail)
        else:
            _move(payment, payments, move, outcome, trail)
        changed = vars(payment) != before
        if changed and not trail.changes:
            hot.save(payment)
        # A repeat that changes nothing leaves nothing behind.
        if outcome.operation and changed:
            trail.call(payment, outcome.operation, outcome.kind.value, outcome.milliseconds)
        trail.write()
        if then is not None:
            then(payment)
        failpoints.reach("outcome.recording")
        if trail.changes:
            transaction.on_commit(lambda: refresh_cached(intent.order_reference, payment))
            transaction.on_commit(lambda: _count_captures(trail, payment.gateway))
    failpoints.reach("outcome.committed")
    log.info(
        "payments.outcome.recorded",
        payment=reference,
        outcome=outcome.kind.value,
        move=move.value,
        state=payment.state,
        source=source,
    )
    return payment


#: Who found out about a capture that no notification had told of; a return is a "check".
RESCUERS = {"check": "return"} | {by: by for by in ("poll", "sweep", "staff", "switch", "close")}


def _count_captures(trail: Trail, gateway: str) -> None:
    for change in trail.changes:
        if change.to_state in (State.CAPTURED, State.SURPLUS):
            role = "settling" if change.to_state == State.CAPTURED else "surplus"
            metrics.captures.labels(gateway, role).inc()
            if by := RESCUERS.get(change.source):
                metrics.rescued.labels(by).inc()


def _move(
    payment: Payment,
    payments: list[Payment],
    move: Move,
    outcome: Outcome,
    trail: Trail,
) -> None:
    """Every move but booking money."""
    arrows = {Move.OPEN: "open", Move.DOUBT: "unknown", Move.CAPTURE: "open"}
    ends = {Move.DECLINE: "declined", Move.CLOSE: "closed"}
    if move in ends:
        trail.step(payment, ends[move], outcome.note or outcome.kind.value)
    elif move in arrows and payment.state != arrows[move]:
        trail.step(payment, arrows[move], outcome.note)
    elif move is Move.REVIEW:
        _review(payment, outcome, trail)
    if not payment.is_final or move is Move.WATCH:
        plan_next_ask(payment, trail.now)
    elif outcome.kind is not Kind.UNKNOWN:
        payment.next_poll_at = None
    if trail.changes:
        hot.save(payment)
    if move in ends:
        tell_end(trail, payment, payments)


def _want_capture(payment: Payment, intent: PaymentIntent, trail: Trail) -> None:
    """The wish is on disk before the money is taken; what is being closed is not taken."""
    if payment.close_wanted_at is not None or intent.closed_at is not None:
        return
    payment.want_capture(trail.now)
    payment.next_poll_at = trail.now  # whoever asked takes it at once, else the sweep does


def _fill_in(payment: Payment, outcome: Outcome, source: str) -> None:
    """Keep what the gateway told beside its verdict, whatever the table does with it."""
    snapshot = outcome.snapshot
    payment.last_error = outcome.note[:200] if outcome.kind is Kind.UNKNOWN else ""
    if source == "answer" and outcome.asked_send_count == payment.send_count:
        payment.lease_until = None  # the create is answered: others may talk about it
    newest = outcome.asked_send_count == payment.send_count
    if outcome.operation == "capture" and outcome.kind is Kind.PENDING and newest:
        payment.capture_wanted_at = None  # it took nothing and never will: a new wish, a new key
    if snapshot is None:
        return
    payment.note = snapshot.note[:200]
    payment.gateway_order_id = payment.gateway_order_id or snapshot.gateway_id or None
    if snapshot.expires_at is not None:
        payment.expires_at = snapshot.expires_at
    if snapshot.presentation is not None and payment.presentation is None:
        payment.presentation = stored_presentation(snapshot.presentation)


def stored_presentation(presentation: base.Presentation) -> dict[str, object]:
    """The presentation as its column keeps it, secrets named."""
    return {**presentation.as_dict(), WITHHELD: list(presentation.secret_fields)}


def _review(payment: Payment, outcome: Outcome, trail: Trail) -> None:
    reviews.open_case(
        ReviewKind.CONTRADICTION,
        subject=payment.reference,
        order_reference=trail.order_reference,
        now=trail.now,
        state=payment.state,
        gateway_says=outcome.kind.value,
    )


def plan_next_ask(payment: Payment, now: datetime) -> None:
    """When the sweep asks next, if no message does before: 3, 10, 20, 30 s and outward.

    An ask that is due sooner stays: whoever asks in between puts nothing off.
    """
    planned = now + timedelta(seconds=poll_pause(payment))
    due = payment.next_poll_at
    payment.next_poll_at = due if due is not None and now <= due < planned else planned


def poll_pause(payment: Payment) -> float:
    """Seconds until the next ask of this method's schedule."""
    can = registry.capabilities(payment.gateway, payment.method)
    schedule = can.poll_after_seconds or settings.POLL_AFTER_SECONDS
    return float(schedule[min(payment.poll_count, len(schedule) - 1)])


def live_cache_name(order_reference: str) -> str:
    """Where the live or final answer of an order is cached."""
    return f"payment:answer:{order_reference}"


def forget_cached(order_reference: str) -> None:
    """Once this transaction commits, no copy of the live payment answers for it any more."""
    transaction.on_commit(lambda: courtesy.drop(live_cache_name(order_reference)))


def refresh_cached(order_reference: str, payment: Payment) -> None:
    """A final result answers repeats; any other cached answer no longer tells the truth."""
    name = live_cache_name(order_reference)
    if payment.role == Role.SETTLING:
        courtesy.put(name, payment_view(payment, order_reference), seconds=FINAL_CACHED_SECONDS)
    else:
        courtesy.drop(name)
