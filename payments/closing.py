"""Closing attempts at the gateway, and whole intents before an order is cancelled.

A close is intent too: the wish is committed, and the sweep closes until it is answered.
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from payments import asking
from payments.gateways.base import CloseAnswer
from payments.models import Payment, PaymentIntent
from payments.models.payment import Role
from payments.recording import forget_cached, record_outcome
from payments.trail import Trail
from payments.views import Closing
from shop import failpoints


def close(*, order_reference: str, amount_minor: int, currency: str, now: datetime) -> Closing:
    """Stop every further payment of an order; what the gateway's answers allow to say."""
    live = _want_closed(order_reference, amount_minor, currency, now)
    failpoints.reach("close.committed")
    if live is not None:
        answer, row, at = pursue_close(live, source="close", now=now)
        if answer is CloseAnswer.NOT_CLOSABLE:
            retire(row, at)
    return standing(order_reference)


def _want_closed(
    order_reference: str, amount_minor: int, currency: str, now: datetime
) -> Payment | None:
    """Commit the wish; the live payment to close now, unless somebody is talking about it."""
    with transaction.atomic(durable=True):
        intent = PaymentIntent.objects.make_or_lock(
            order_reference=order_reference,
            amount_minor=amount_minor,
            currency=currency,
            now=now,
        )
        payments = list(intent.payments.all())
        if any(p.role == Role.SETTLING for p in payments):
            return None
        intent.closed_at = intent.closed_at or now
        intent.save(update_fields=["closed_at"])
        forget_cached(order_reference)
        live = next((p for p in payments if p.role == Role.LIVE), None)
        if live is None:
            return None
        live.close_wanted_at = live.close_wanted_at or now
        busy = live.is_leased(now)
        if not busy:
            live.lease(now, settings.PAYMENT_LEASE_SECONDS)
        # No close is sent while the create is unanswered: the sweep comes after its lease.
        live.next_poll_at = live.lease_until
        live.save()
        failpoints.reach("close.writing")
        return None if busy else live


def pursue_close(
    payment: Payment, *, source: str, now: datetime, actor: str = ""
) -> tuple[CloseAnswer | None, Payment, datetime]:
    """Ask the gateway to close and record its answer; None when it gave none."""
    answer = asking.close(payment, now=now)
    row = record_outcome(
        reference=payment.reference,
        outcome=answer.outcome,
        source=source,
        actor=actor,
        now=answer.at,
    )
    if answer.close is None:
        return None, row, answer.at
    if answer.close.answer is CloseAnswer.ALREADY_PAID and not row.has_money:
        # It says paid but brought no amount: the query does.
        again = asking.query(row, now=answer.at)
        row = record_outcome(
            reference=row.reference,
            outcome=again.outcome,
            source=source,
            actor=actor,
            now=again.at,
        )
    if answer.close.answer is CloseAnswer.NOT_CLOSABLE:
        row.dead_after = answer.close.dead_after or row.expires_at
    return answer.close.answer, row, answer.at


def supersede(payment: Payment, dead_after: datetime, trail: Trail) -> None:
    """Retire a live attempt that may still be paid; its own UPDATE frees the unique index."""
    trail.step(payment, "superseded")
    forget_cached(trail.order_reference)
    payment.dead_after = dead_after
    payment.lease_until = None
    payment.next_poll_at = trail.now
    payment.save()


def retire(payment: Payment, now: datetime) -> None:
    """The intent is closed and its live attempt cannot be: left behind until it is dead."""
    with transaction.atomic(durable=True):
        intent = PaymentIntent.objects.lock().get(pk=payment.intent_id)
        row = intent.payments.get(pk=payment.pk)
        if row.role != Role.LIVE:
            return
        trail = Trail(intent.order_reference, "close", now)
        supersede(row, payment.dead_after or row.expires_at, trail)
        row.close_wanted_at = None
        row.save()
        trail.write()


def standing(order_reference: str) -> Closing:
    """How a closed intent stands now."""
    payments = list(Payment.objects.filter(intent__order_reference=order_reference))
    if any(p.role == Role.SETTLING for p in payments):
        return Closing.PAID
    if any(not p.is_final for p in payments):
        return Closing.WAITING
    return Closing.CLOSED
