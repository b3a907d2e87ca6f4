"""Booking captured money: the first right capture settles, every other one goes back.

A success is accepted in every state of the row and never demoted. Each gateway transaction
is booked once, on a row of its own; the refund of a surplus is written in the very
transaction that records it.
"""

from typing import Any

from payments import registry, reviews
from payments.events import PaymentCaptured, SurplusCaptured
from payments.gateways import base
from payments.models import Payment, PaymentIntent, Refund
from payments.models.desk import ReviewKind
from payments.models.payment import Role
from payments.models.refund import RefundKind
from payments.references import new_reference
from payments.trail import Trail, tell_end, tell_refund_done
from shop import hot, outbox


def book(
    intent: PaymentIntent,
    payments: list[Payment],
    payment: Payment,
    snapshot: base.Snapshot | None,
    trail: Trail,
) -> None:
    """Book every capture that the gateway shows under this payment's reference."""
    booked = {p.gateway_transaction_id for p in payments if p.gateway == payment.gateway}
    fresh = [c for c in _captures(snapshot) if c.transaction_id not in booked]
    for row in payments:
        if row.has_money and row.gateway == payment.gateway:
            _adopt_refunds(row, snapshot, trail)
    if not fresh:
        payment.next_poll_at = None
    for capture in fresh:
        row = payment if payment.gateway_transaction_id is None else _twin(payment, trail)
        if row not in payments:
            payments.append(row)
        row.note_capture(
            amount_minor=capture.amount_minor,
            currency=capture.currency,
            at=capture.captured_at,
            transaction_id=capture.transaction_id,
        )
        if _settles(intent, payments, capture):
            _settle(intent, payments, row, trail)
        else:
            _send_back(intent, payments, row, capture, snapshot, trail)


def _captures(snapshot: base.Snapshot | None) -> list[base.Capture]:
    return [] if snapshot is None else list(snapshot.captures)


def _twin(payment: Payment, trail: Trail) -> Payment:
    """A second gateway transaction under one reference gets a row of its own."""
    return Payment(
        reference=new_reference(trail.now),
        intent=payment.intent,
        same_attempt_as=payment,
        gateway=payment.gateway,
        method=payment.method,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        created_at=trail.now,
        expires_at=payment.expires_at,
    )


def _settles(intent: PaymentIntent, payments: list[Payment], capture: base.Capture) -> bool:
    """The first net capture of the right amount settles, whatever the order's state."""
    return (
        (capture.amount_minor, capture.currency) == (intent.amount_minor, intent.currency)
        and capture.refunded_minor == 0
        and not any(p.role == Role.SETTLING for p in payments)
    )


def _settle(intent: PaymentIntent, payments: list[Payment], row: Payment, trail: Trail) -> None:
    # The unique index is checked at once: retire the live row before this one settles.
    for other in payments:
        if other.role == Role.LIVE and other is not row:
            trail.step(other, "superseded", "another payment was captured")
            other.close_wanted_at = other.next_poll_at = trail.now
            hot.save(other)
    trail.step(row, "captured")
    hot.save(row)
    outbox.publish(
        PaymentCaptured(
            order_reference=intent.order_reference,
            payment=row.reference,
            amount_minor=row.captured_minor,
            currency=row.captured_currency,
            captured_at=row.captured_at or trail.now,
        ),
        now=trail.now,
    )


def _send_back(
    intent: PaymentIntent,
    payments: list[Payment],
    row: Payment,
    capture: base.Capture,
    snapshot: base.Snapshot | None,
    trail: Trail,
) -> None:
    """Book money that does not pay the intent and write its refund."""
    right_money = (capture.amount_minor, capture.currency) == (intent.amount_minor, intent.currency)
    trail.step(row, "surplus", "" if right_money else "wrong amount or currency")
    row.save()
    _adopt_refunds(row, snapshot, trail)
    back_minor = row.refundable_minor
    row.refund_pending_minor += back_minor
    row.save()
    refund = write_refund(row, back_minor, RefundKind.SURPLUS, trail) if back_minor else None
    if not right_money:
        reviews.open_case(
            ReviewKind.WRONG_AMOUNT,
            subject=row.reference,
            order_reference=intent.order_reference,
            now=trail.now,
            expected=[intent.amount_minor, intent.currency],
            captured=[capture.amount_minor, capture.currency],
        )
    outbox.publish(
        SurplusCaptured(
            order_reference=intent.order_reference,
            payment=row.reference,
            amount_minor=row.captured_minor,
            currency=row.captured_currency,
            refund=refund.reference if refund else "",
        ),
        now=trail.now,
    )
    tell_end(trail, row, payments)


def write_refund(
    row: Payment,
    amount_minor: int,
    kind: RefundKind,
    trail: Trail,
    reason: str = "",
    *,
    waits: bool = False,
    **asked: Any,
) -> Refund:
    """The refund's row, sent by the sweep; by hand where the method cannot refund.

    The caller holds the intent's lock and has counted the amount as pending. One that
    `waits` is sent only after a second person approved it; `asked` are more of the row's
    own columns, as who asked for it wants them.
    """
    refundable = registry.capabilities(row.gateway, row.method).refundable
    refund = Refund(
        reference=new_reference(trail.now),
        payment=row,
        kind=kind if refundable else RefundKind.MANUAL,
        amount_minor=amount_minor,
        currency=row.captured_currency,
        reason=reason or kind.label,
        # Who only asked the gateway did not ask for this: the shop owes it by itself.
        actor=trail.actor if kind is RefundKind.STAFF else "",
        created_at=trail.now,
        **asked,
    )
    if refundable and not waits:
        trail.step(refund, "approved")
    else:
        trail.born(refund)
    if not refundable:
        reviews.open_case(
            ReviewKind.MANUAL_REFUND,
            subject=refund.reference,
            order_reference=trail.order_reference,
            now=trail.now,
            payment=row.reference,
            amount_minor=amount_minor,
            currency=row.captured_currency,
        )
    refund.save()
    return refund


def _adopt_refunds(row: Payment, snapshot: base.Snapshot | None, trail: Trail) -> None:
    """Book refunds that the gateway shows on this transaction and we have lost."""
    for fact in lost_refunds(row, snapshot):
        if fact.amount_minor <= row.refundable_minor:
            _adopt(row, fact, trail)


def lost_refunds(row: Payment, snapshot: base.Snapshot | None) -> list[base.RefundFact]:
    """What the gateway has sent back of this transaction and no row of ours knows."""
    shown = [
        fact
        for fact in (snapshot.refunds if snapshot else ())
        if fact.transaction_id == row.gateway_transaction_id and fact.state is base.RefundState.DONE
    ]
    if not shown:
        return []
    known = Refund.objects.filter(reference__in=[fact.reference for fact in shown])
    references = set(known.values_list("reference", flat=True))
    return [fact for fact in shown if fact.reference not in references]


def _adopt(row: Payment, fact: base.RefundFact, trail: Trail) -> None:
    refund = Refund(
        reference=fact.reference,
        payment=row,
        kind=RefundKind.ADOPTED,
        amount_minor=fact.amount_minor,
        currency=row.captured_currency,
        reason="shown by the gateway",
        created_at=trail.now,
    )
    trail.step(refund, "done", "adopted")
    row.refunded_minor += fact.amount_minor
    row.save()
    refund.save()
    tell_refund_done(refund, row, trail)
