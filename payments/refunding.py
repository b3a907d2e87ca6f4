"""Refunds: payments in reverse. Row first, stored key, "unknown" counts against the balance.

A refund fails only on the gateway's final word, which may come after it had said done. The
sweep drives every row; a staff request is sent at once and shows the first answer.
"""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from payments import asking, booking, breaker, reviews
from payments.events import RefundFailed
from payments.gateways import base
from payments.models import PaymentIntent, Refund
from payments.models.desk import ReviewKind
from payments.models.payment import Role
from payments.models.refund import RefundKind, RefundState
from payments.trail import Call, Trail, tell_refund_done
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
    trail.write()
    return refund_view(refund, payment.reference)


def drive(reference: str, *, now: datetime) -> bool:
    """Send a refund or ask about it, whichever it needs; whether an answer was recorded."""
    task = _take(reference, now=now)
    if task is None:
        return False
    failpoints.reach("refund.committed")
    refund, send = task
    asking.forbid_transaction()
    began = time.monotonic()
    request = _request(refund)
    operation = "refund" if send else "query_refund"
    try:
        snapshot = breaker.call(
            refund.payment.gateway,
            operation,
            lambda gate: gate.refund(request) if send else gate.query_refund(request),
        )
    except base.Refused as no:
        snapshot = base.RefundSnapshot(base.RefundState.FAILED, gateway_id=no.code)
    except base.Unknown as doubt:
        call = _call(operation, began)
        record_refund(reference, None, doubt.why, asked_state=refund.state, now=now, call=call)
        return False
    failpoints.reach("refund.answered")
    later = now + timedelta(seconds=time.monotonic() - began)
    call = _call(operation, began)
    record_refund(reference, snapshot, "", asked_state=refund.state, now=later, call=call)
    return True


def _call(operation: str, began: float) -> Call:
    return Call(operation, round((time.monotonic() - began) * 1000))


def _take(reference: str, *, now: datetime) -> tuple[Refund, bool] | None:
    """Lease the refund for one call: (row, whether to send); None when there is nothing to do."""
    with transaction.atomic(durable=True):
        intent, refund = locked_refund(reference)
        if not refund.is_outstanding or refund.state == RefundState.REQUESTED:
            return None
        if refund.lease_until is not None and refund.lease_until > now:
            return None
        # Sent but never answered: the same request with the same key may be repeated.
        send = refund.state in (RefundState.APPROVED, RefundState.SENT)
        trail = Trail(intent.order_reference, "sweep", now)
        if refund.state == RefundState.APPROVED:
            trail.step(refund, "sent")
        refund.send_count += send
        refund.poll_count += 1
        refund.lease_until = now + timedelta(seconds=settings.PAYMENT_LEASE_SECONDS)
        refund.next_poll_at = refund.lease_until
        refund.save()
        trail.write()
    return refund, send


def locked_refund(reference: str) -> tuple[PaymentIntent, Refund]:
    """The refund with its payment, under the intent's lock: for whoever decides about it."""
    intent = PaymentIntent.objects.select_for_update(of=("self",)).get(
        payments__refunds__reference=reference
    )
    refund = Refund.objects.select_related("payment__same_attempt_as").get(reference=reference)
    return intent, refund


def _request(refund: Refund) -> base.RefundRequest:
    return base.RefundRequest(
        reference=refund.reference,
        payment=asking.reference_of(refund.payment),
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        created_at=refund.created_at,
    )


def record_refund(
    reference: str,
    snapshot: base.RefundSnapshot | None,
    error: str,
    *,
    asked_state: str,
    now: datetime,
    call: Call | None = None,
) -> None:
    """The one place that moves a refund by a gateway's word; None means no trustworthy one.

    `asked_state` is where the row stood when the gateway was asked.
    """
    with transaction.atomic(durable=True):
        intent, refund = locked_refund(reference)
        trail = Trail(intent.order_reference, "gateway", now)
        before = _told(refund)
        refund.lease_until = None
        refund.last_error = error[:200]
        if not _is_overtaken(refund, snapshot, asked_state):
            _move(refund, snapshot, trail)
        if refund.is_outstanding:
            refund.next_poll_at = now + timedelta(seconds=_pause(refund))
            _tell_if_tired(refund, trail)
        # As with payments: a repeat that changes nothing leaves nothing behind.
        if call is not None and _told(refund) != before:
            answer = "unknown" if snapshot is None else snapshot.state.value
            trail.call(refund, call.operation, answer, call.milliseconds)
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
    asking.forbid_transaction()
    began = time.monotonic()
    try:
        snapshot = breaker.call(
            refund.payment.gateway, "query_refund", lambda gate: gate.query_refund(_request(refund))
        )
    except (base.Refused, base.Unknown):
        return False
    call = _call("query_refund", began)
    record_refund(reference, snapshot, "", asked_state=refund.state, now=now, call=call)
    return True
