"""Refunds: payments in reverse. Row first, stored key, "unknown" counts against the balance.

A refund fails only on the gateway's final word, which may come after it had said done. The
sweep drives every row; a staff request is sent at once and shows the first answer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from payments import asking_refunds, booking, reviews
from payments.asking_refunds import Answer
from payments.events import RefundFailed
from payments.gateways import base
from payments.models import PaymentIntent, Refund
from payments.models.desk import ReviewKind
from payments.models.payment import Role
from payments.models.refund import RefundKind, RefundState
from payments.trail import Trail, tell_refund_done
from payments.views import RefundView, refund_view
from shop import failpoints, outbox


def return_late_capture(*, order_reference: str, reason: str, now: datetime) -> RefundView:
    """Write the refund of the settling capture inside the caller's transaction."""
    intent = PaymentIntent.objects.lock().get(order_reference=order_reference)
    payment = intent.payments.get(role=Role.SETTLING)
    known = payment.refunds.filter(kind__in=[RefundKind.RETURNED, RefundKind.MANUAL]).first()
    if known is not None:
        return refund_view(known, payment.reference)
    back_minor = payment.refundable_minor
    payment.refund_pending_minor += back_minor
    payment.save(update_fields=["refund_pending_minor"])
    trail = Trail(order_reference, "orders", now)
    refund = booking.write_refund(payment, back_minor, RefundKind.RETURNED, trail, reason)
    # The money takes care of itself; somebody who wanted the goods and paid for them does not.
    reviews.open_case(
        ReviewKind.LATE_WITHOUT_STOCK,
        subject=payment.reference,
        order_reference=order_reference,
        now=now,
        refund=refund.reference,
        amount_minor=back_minor,
        currency=refund.currency,
    )
    trail.write()
    return refund_view(refund, payment.reference)


@dataclass(frozen=True)
class _Turn:
    """One pass over a refund: send it, or ask about it; when it was last sent before."""

    refund: Refund
    send: bool
    sent_before: datetime | None

    def talk(self, now: datetime) -> Answer:
        """The call itself, outside of every transaction."""
        if self.send:
            return asking_refunds.send(self.refund, sent_before=self.sent_before, now=now)
        return asking_refunds.query(self.refund, now=now)


def drive(reference: str, *, now: datetime) -> bool:
    """Send a refund or ask about it, whichever it needs; whether an answer was recorded.

    What was sent without an answer is asked about first, and sent again, as the same request
    with the same key, only when the gateway has not got it.
    """
    turn = _take(reference, now=now)
    if turn is None:
        return False
    failpoints.reach("refund.committed")
    answer = turn.talk(now)
    if turn.refund.state == RefundState.SENT and not turn.send and answer.is_not_found:
        turn = _take(reference, now=answer.at, asked_under=turn.refund.lease_until)
        if turn is None:
            return False
        answer = turn.talk(answer.at)
    failpoints.reach("refund.answered")
    record_refund(reference, answer, asked_state=turn.refund.state)
    return answer.snapshot is not None


def _take(reference: str, *, now: datetime, asked_under: datetime | None = None) -> _Turn | None:
    """Lease the refund for one call; None when there is nothing to do or somebody is at it.

    `asked_under` is the lease of the turn that asked, was told "not found", and goes on to send.
    """
    with transaction.atomic(durable=True):
        intent, refund = locked_refund(reference)
        if not refund.is_outstanding or refund.state == RefundState.REQUESTED:
            return None
        if refund.lease_until not in (None, asked_under) and refund.lease_until > now:
            return None
        sent_before = refund.sent_at
        send = refund.state == RefundState.APPROVED
        send |= refund.state == RefundState.SENT and asked_under is not None
        trail = Trail(intent.order_reference, "sweep", now)
        if refund.state == RefundState.APPROVED:
            trail.step(refund, "sent")
        if send:
            refund.count_send(now)
        refund.poll_count += asked_under is None
        refund.lease_until = now + timedelta(seconds=settings.PAYMENT_LEASE_SECONDS)
        refund.next_poll_at = refund.lease_until
        refund.save()
        trail.write()
    return _Turn(refund, send, sent_before)


def locked_refund(reference: str) -> tuple[PaymentIntent, Refund]:
    """The refund with its payment, under the intent's lock: for whoever decides about it."""
    intent = PaymentIntent.objects.select_for_update(of=("self",)).get(
        payments__refunds__reference=reference
    )
    refund = Refund.objects.select_related("payment__same_attempt_as").get(reference=reference)
    return intent, refund


def record_refund(reference: str, answer: Answer, *, asked_state: str) -> None:
    """The one place that moves a refund by a gateway's word.

    `asked_state` is where the row stood when the gateway was asked.
    """
    now, snapshot = answer.at, answer.snapshot
    with transaction.atomic(durable=True):
        intent, refund = locked_refund(reference)
        trail = Trail(intent.order_reference, "gateway", now)
        before = _told(refund)
        refund.lease_until = None
        refund.last_error = answer.error[:200]
        if not _is_overtaken(refund, snapshot, asked_state):
            _move(refund, snapshot, trail)
        if refund.is_outstanding:
            refund.next_poll_at = now + timedelta(seconds=_pause(refund))
            _tell_if_tired(refund, trail)
        # As with payments: a repeat that changes nothing leaves nothing behind.
        if _told(refund) != before:
            said = "unknown" if snapshot is None else snapshot.state.value
            trail.call(refund, answer.operation, said, answer.milliseconds)
        refund.save()
        refund.payment.save(update_fields=["refunded_minor", "refund_pending_minor"])
        trail.write()


def _told(refund: Refund) -> tuple[str, str, str]:
    """What a gateway's answer can change."""
    return refund.state, refund.gateway_refund_id, refund.last_error


def _is_overtaken(refund: Refund, snapshot: base.RefundSnapshot | None, asked_state: str) -> bool:
    """What was done can fail later: a "done" from before the failure says nothing any more."""
    says_done = snapshot is not None and snapshot.state is base.RefundState.DONE
    return says_done and refund.state == RefundState.FAILED != asked_state


def _move(refund: Refund, snapshot: base.RefundSnapshot | None, trail: Trail) -> None:
    if snapshot is None or snapshot.state is base.RefundState.NOT_FOUND:
        return  # still perhaps sent: it keeps counting against the balance
    refund.gateway_refund_id = refund.gateway_refund_id or snapshot.gateway_id
    if snapshot.state is base.RefundState.DONE and refund.state != RefundState.DONE:
        mark_done(refund, trail)
    elif snapshot.state is base.RefundState.FAILED and refund.state != RefundState.FAILED:
        _failed(refund, trail)
    elif snapshot.state is base.RefundState.PENDING and refund.state == RefundState.SENT:
        trail.step(refund, "pending")


def mark_done(refund: Refund, trail: Trail, reason: str = "") -> None:
    """The money went back: count it and tell. The caller holds the lock and saves both rows."""
    payment = refund.payment
    if refund.is_outstanding:
        payment.refund_pending_minor -= refund.amount_minor
    payment.refunded_minor += refund.amount_minor
    trail.step(refund, "done", reason)
    tell_refund_done(refund, payment, trail)


def _failed(refund: Refund, trail: Trail) -> None:
    payment = refund.payment
    was_done = refund.state == RefundState.DONE
    if was_done:
        payment.refunded_minor -= refund.amount_minor
    else:
        payment.refund_pending_minor -= refund.amount_minor
    trail.step(refund, "failed")
    reviews.open_case(
        ReviewKind.REFUND_FAILED,
        subject=refund.reference,
        order_reference=trail.order_reference,
        now=trail.now,
        payment=payment.reference,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        was_done=was_done,
    )
    outbox.publish(
        RefundFailed(
            order_reference=trail.order_reference,
            payment=payment.reference,
            refund=refund.reference,
            settles=payment.role == Role.SETTLING,
            was_done=was_done,
        ),
        now=trail.now,
    )


def _tell_if_tired(refund: Refund, trail: Trail) -> None:
    """Money must go back: asking goes on, and a person is told."""
    if refund.poll_count == settings.POLL_TRIES_MAX:
        reviews.open_case(
            ReviewKind.POLLING_EXHAUSTED,
            subject=refund.reference,
            order_reference=trail.order_reference,
            now=trail.now,
            state=refund.state,
            polls=refund.poll_count,
        )


def _pause(refund: Refund) -> float:
    schedule = settings.POLL_AFTER_SECONDS
    return float(schedule[min(refund.poll_count - 1, len(schedule) - 1)])


def ask(reference: str, *, now: datetime) -> bool:
    """Ask about a refund whatever its row says: a final one may have failed late.

    Whether there is nothing more to ask: False when the gateway gave no answer, or somebody
    else is at it and may hold an older one.
    """
    refund = Refund.objects.select_related("payment__same_attempt_as").get(reference=reference)
    if refund.state == RefundState.REQUESTED or refund.kind == RefundKind.MANUAL:
        return True
    if refund.is_outstanding:
        return drive(reference, now=now)
    answer = asking_refunds.query(refund, now=now)
    if answer.snapshot is None:
        return False
    record_refund(reference, answer, asked_state=refund.state)
    return True
