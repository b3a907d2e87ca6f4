"""Polling is driven by rows, not by messages that must survive.

Each unanswered ask sends the next delayed task; the sweep over `next_poll_at` is the net for
tasks that were lost. Asking ends when the gateway is final, or with a review case.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from payments import asking, registry, reviews
from payments.closing import pursue_close, retire
from payments.gateways.base import CloseAnswer
from payments.models import Payment, PaymentIntent, Refund
from payments.models.desk import ReviewKind
from payments.models.payment import Role
from payments.recording import poll_pause, record_outcome
from shop import courtesy, failpoints, metrics
from shop.logs import get_logger

log = get_logger(__name__)

#: Who keeps the schedule. A shopper's or the staff's question is one more: it neither slows the
#: schedule down nor uses it up.
OWN_RHYTHM = ("poll", "sweep")
#: A delayed task longer than this would outlive a worker; the sweep asks instead.
DELAYED_TASK_SECONDS_MAX = 60


def poll(reference: str, *, now: datetime, source: str = "poll") -> bool:
    """Ask about one payment if its time has come; whether this call did."""
    claimed = Payment.objects.filter(
        reference=reference, next_poll_at__lte=now + timedelta(seconds=1)
    ).update(next_poll_at=now + timedelta(seconds=settings.PAYMENT_LEASE_SECONDS))
    if claimed:
        ask_now(reference, now=now, source=source)
    return bool(claimed)


def ask_now(reference: str, *, now: datetime, source: str, actor: str = "") -> Payment:
    """Ask the gateway in the way this payment needs it, and record what it says."""
    payment = _read(reference)
    if payment.is_leased(now):
        return payment  # somebody's create or close is under way and will record its answer
    metrics.polls.labels(source).inc()
    if payment.can_be_sent(now):
        row = _resume(payment, now=now, actor=actor)
    elif payment.close_wanted_at is not None and not payment.is_final:
        row = _close(payment, now=now, source=source, actor=actor)
    elif payment.can_be_captured(now):
        row = capture(payment, now=now)
    else:
        row = _query(payment, now=now, source=source, actor=actor)
    if source in OWN_RHYTHM:
        _continue(row, now=now)
    return row


def ask_after_hint(reference: str, *, now: datetime) -> Payment:
    """A notification may overtake the answer to our own create: ask whoever is at it."""
    return _query(_read(reference), now=now, source="notification")


def _read(reference: str) -> Payment:
    return Payment.objects.select_related("same_attempt_as", "intent").get(reference=reference)


def _query(payment: Payment, *, now: datetime, source: str, actor: str = "") -> Payment:
    answer = asking.query(payment, now=now)
    failpoints.reach("poll.answered")
    row = record_outcome(
        reference=(payment.same_attempt_as or payment).reference,
        outcome=answer.outcome,
        source=source,
        actor=actor,
        now=answer.at,
    )
    return capture(row, now=answer.at) if row.can_be_captured(answer.at) else row


def capture(payment: Payment, *, now: datetime) -> Payment:
    """Take the money that the shopper agreed to: once per wish, however often it is sent."""
    with transaction.atomic(durable=True):
        intent = PaymentIntent.objects.lock().get(pk=payment.intent_id)
        row = Payment.objects.select_related("intent").get(pk=payment.pk)
        if intent.closed_at is not None or not row.can_be_captured(now):
            return row
        # Verdicts of older questions ("closed") lose their say: from here on money may come.
        row.count_send(now)
        row.lease(now, settings.PAYMENT_LEASE_SECONDS)
        row.next_poll_at = row.lease_until
        row.save()
    answer = asking.capture(row, now=now)
    return record_outcome(
        reference=row.reference, outcome=answer.outcome, source="answer", now=answer.at
    )


def _resume(payment: Payment, *, now: datetime, actor: str) -> Payment:
    """The process that opened it died or got no answer: the same request, the same key."""
    with transaction.atomic(durable=True):
        PaymentIntent.objects.lock().get(pk=payment.intent_id)
        row = Payment.objects.get(pk=payment.pk)
        if row.is_leased(now) or not row.can_be_sent(now):
            return row
        row.count_send(now)
        row.lease(now, settings.PAYMENT_LEASE_SECONDS)
        row.save()
    answer = asking.create(row, now=now)
    return record_outcome(
        reference=row.reference,
        outcome=answer.outcome,
        source="answer",
        actor=actor,
        now=answer.at,
    )


def _close(payment: Payment, *, now: datetime, source: str, actor: str) -> Payment:
    answer, row, at = pursue_close(payment, source=source, actor=actor, now=now)
    if answer is not CloseAnswer.NOT_CLOSABLE or row.is_final:
        return row
    if row.role == Role.LIVE and payment.intent.closed_at is not None:
        retire(row, at)
    # A wish that the gateway cannot grant is withdrawn: the payment dies by its own time.
    withdrawn = Payment.objects.filter(pk=row.pk, close_wanted_at=row.close_wanted_at)
    withdrawn.update(close_wanted_at=None)
    return row


def _continue(row: Payment, *, now: datetime) -> None:
    """Count the ask; send the next delayed task, or hand over to a person."""
    if row.next_poll_at is None:
        return
    row.poll_count += 1
    tired = row.poll_count >= settings.POLL_TRIES_MAX or now > _late_window_end(row)
    pause = poll_pause(row)
    Payment.objects.filter(pk=row.pk).exclude(next_poll_at=None).update(
        poll_count=row.poll_count,
        next_poll_at=None if tired else now + timedelta(seconds=pause),
    )
    if tired:
        reviews.open_case(
            ReviewKind.POLLING_EXHAUSTED,
            subject=row.reference,
            order_reference=row.intent.order_reference,
            now=now,
            state=row.state,
            polls=row.poll_count,
        )
    elif pause <= DELAYED_TASK_SECONDS_MAX:
        courtesy.enqueue("payments.poll", countdown_seconds=pause, reference=row.reference)


def _late_window_end(row: Payment) -> datetime:
    window = registry.capabilities(row.gateway, row.method).late_window
    return (row.dead_after or row.expires_at) + window


def claim_due(model: type[Payment] | type[Refund], *, now: datetime, limit: int) -> list[str]:
    """References whose time has come, taken for this worker; others skip them.

    The rows are chosen once, in a part of its own: a planner that repeated the inner question for
    each row would take more than `limit`.
    """
    table = model._meta.db_table
    rows = model.objects.raw(
        f"""
        WITH due AS MATERIALIZED (
            SELECT id FROM {table} WHERE next_poll_at <= %s
            ORDER BY next_poll_at LIMIT %s FOR UPDATE SKIP LOCKED
        )
        UPDATE {table} mine SET next_poll_at = %s
        FROM due WHERE mine.id = due.id RETURNING mine.id, mine.reference
        """,  # noqa: S608  (the table's name is the model's own)  # nosec B608
        [now, limit, now + timedelta(seconds=settings.PAYMENT_LEASE_SECONDS)],
    )
    return [row.reference for row in rows]
