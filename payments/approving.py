"""Four eyes: what one person asked for, another decides; the state tells who came first.

An approval counts only while nothing else was refunded since the request: else it is void
and must be asked for again. A refund by hand is done once a second person has confirmed the
transfer. Each function locks the intent, decides, commits; the gateway is called after that.
"""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import transaction

from payments import refunding
from payments.models import PaymentIntent, Refund, ReviewCase
from payments.models.desk import ReviewKind
from payments.models.refund import RefundKind, RefundState
from payments.problems import (
    NotWaiting,
    OwnRefund,
    PaymentNotFound,
    ReasonMissing,
    RefundedMeanwhile,
    RefundVoid,
    TransferDiffers,
    TransferNoted,
)
from payments.trail import Trail
from payments.views import RefundView, refund_view
from shop.models import User
from shop.record import note_act


def approve(*, reference: str, amount_minor: int, actor: str, now: datetime) -> RefundView:
    """Send what another person asked for.

    Raises OwnRefund, NotWaiting, RefundedMeanwhile (another amount was shown) or RefundVoid.
    """
    with transaction.atomic(durable=True):
        intent, refund = _waiting(reference)
        if refund.kind == RefundKind.MANUAL:
            raise NotWaiting
        _forbid_own(refund, actor)
        if refund.amount_minor != amount_minor:
            raise RefundedMeanwhile(amount_minor=refund.amount_minor)
        trail = Trail(intent.order_reference, "staff", now, actor)
        void = _seen_is_stale(refund)
        if void:
            _release(refund, trail, "void: something else was refunded since")
        else:
            refund.approved_by = actor
            trail.step(refund, "approved")
            refund.save()
        trail.write()
    if void:
        raise RefundVoid
    refunding.drive(reference, now=now)
    return _view(reference)


def reject(*, reference: str, reason: str, actor: str, now: datetime) -> RefundView:
    """Refuse it, or take one's own request back: the amount is free again.

    Raises ReasonMissing, NotWaiting (also for money that the shop itself owes back), and
    TransferNoted.
    """
    told = " ".join(reason.split())[:200]
    if not told:
        raise ReasonMissing
    with transaction.atomic(durable=True):
        intent, refund = _waiting(reference)
        # The money may have left already: a free balance would send it a second time.
        if refund.transfer_reference:
            raise TransferNoted
        if not refund.actor:
            raise NotWaiting
        trail = Trail(intent.order_reference, "staff", now, actor)
        _release(refund, trail, told)
        _close_case(refund, f"refused: {told}", actor, now)
        trail.write()
    return _view(reference)


def note_transfer(
    *, reference: str, transfer_reference: str, actor: str, now: datetime
) -> RefundView:
    """The first person's word that the money was transferred by hand.

    Until it is confirmed the same person may write it anew: each wording is on record.
    Raises NotWaiting.
    """
    with transaction.atomic(durable=True):
        intent, refund = _waiting(reference)
        if refund.kind != RefundKind.MANUAL or refund.actor not in ("", actor):
            raise NotWaiting
        before = refund.transfer_reference
        if before != transfer_reference:
            refund.actor, refund.transfer_reference = actor, transfer_reference
            refund.save(update_fields=["actor", "transfer_reference"])
            note_act(
                User.objects.get(username=actor),
                "noted a transfer",
                reference,
                intent.order_reference,
                now=now,
                transfer=transfer_reference,
                before=before,
            )
    return _view(reference)


def complete_manual(
    *, reference: str, transfer_reference: str, actor: str, now: datetime
) -> RefundView:
    """The second person confirms the transfer: done.

    Raises NotWaiting, OwnRefund, or TransferDiffers from what the first person noted.
    """
    with transaction.atomic(durable=True):
        intent, refund = _waiting(reference)
        if refund.kind != RefundKind.MANUAL or not refund.actor:
            raise NotWaiting
        _forbid_own(refund, actor)
        if refund.transfer_reference not in ("", transfer_reference):
            raise TransferDiffers
        refund.transfer_reference, refund.approved_by = transfer_reference, actor
        trail = Trail(intent.order_reference, "staff", now, actor)
        refunding.mark_done(refund, trail, f"transfer {transfer_reference}")
        refund.save()
        refund.payment.save(update_fields=["refunded_minor", "refund_pending_minor"])
        _close_case(refund, f"transferred: {transfer_reference}", actor, now)
        trail.write()
    return _view(reference)


def _waiting(reference: str) -> tuple[PaymentIntent, Refund]:
    try:
        intent, refund = refunding.locked_refund(reference)
    except PaymentIntent.DoesNotExist:
        raise PaymentNotFound from None
    if refund.state != RefundState.REQUESTED:
        raise NotWaiting
    return intent, refund


def _forbid_own(refund: Refund, actor: str) -> None:
    if refund.actor == actor:
        raise OwnRefund


def _seen_is_stale(refund: Refund) -> bool:
    payment = refund.payment
    others_minor = payment.refunded_minor + payment.refund_pending_minor - refund.amount_minor
    return others_minor != refund.seen_refunded_minor


def _release(refund: Refund, trail: Trail, reason: str) -> None:
    """It was never sent: no case, no fact, only the balance is free again."""
    refund.payment.refund_pending_minor -= refund.amount_minor
    refund.payment.save(update_fields=["refund_pending_minor"])
    trail.step(refund, "failed", reason)
    refund.save()


def _close_case(refund: Refund, resolution: str, actor: str, now: datetime) -> None:
    ReviewCase.objects.filter(
        kind=ReviewKind.MANUAL_REFUND, subject=refund.reference, resolved_at=None
    ).update(
        resolved_at=now,
        resolved_by=get_user_model().objects.filter(username=actor).first(),
        resolution=resolution[:300],
    )


def _view(reference: str) -> RefundView:
    refund = Refund.objects.select_related("payment").get(reference=reference)
    return refund_view(refund, refund.payment.reference)
