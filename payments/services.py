"""The door of payments: what orders, staff and operators may ask of it, and nothing else.

Payments knows an order only by its reference. Every function takes keywords and the time;
amounts are in minor units. No function may be called with an order row locked, and only
`return_capture` and `lock_intent` join the caller's transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings

from payments import breaker, closing, polling, refunding, registry, requesting, reviews, starting
from payments.approving import approve as approve_refund
from payments.approving import complete_manual as complete_manual_refund
from payments.approving import note_transfer
from payments.approving import reject as reject_refund
from payments.models import Payment, PaymentIntent, Refund
from payments.models.desk import ReviewKind
from payments.previewing import AnswerPreview
from payments.previewing import apply as apply_answer
from payments.previewing import preview as preview_answer
from payments.problems import (
    GatewayDown,
    IntentClosed,
    MethodNotOffered,
    NotRefundable,
    NotRetryable,
    NotWaiting,
    OwnRefund,
    PayerFactsMissing,
    PaymentAlreadySettled,
    PaymentNotFound,
    ReasonMissing,
    RefundedMeanwhile,
    RefundTooLarge,
    RefundVoid,
    TooManyPayments,
    TransferDiffers,
    TransferNoted,
)
from payments.views import (
    Closing,
    MethodOffer,
    PaymentView,
    RefundView,
    Started,
    payment_view,
)
from payments.wishes import Wish
from shop import courtesy, metrics
from shop.idempotency import Claim

__all__ = [
    "AnswerPreview",
    "Closing",
    "GatewayDown",
    "IntentClosed",
    "MethodNotOffered",
    "MethodOffer",
    "NotRefundable",
    "NotRetryable",
    "NotWaiting",
    "OwnRefund",
    "PayerFactsMissing",
    "PaymentAlreadySettled",
    "PaymentNotFound",
    "PaymentView",
    "ReasonMissing",
    "RefundTooLarge",
    "RefundView",
    "RefundVoid",
    "RefundedMeanwhile",
    "Started",
    "TooManyPayments",
    "TransferDiffers",
    "TransferNoted",
    "apply_answer",
    "approve_refund",
    "close_intent",
    "complete_manual_refund",
    "frame_origins",
    "frame_url",
    "hasten_polls",
    "list_payments",
    "lock_intent",
    "note_transfer",
    "offered_methods",
    "preview_answer",
    "refresh_intent",
    "refresh_payment",
    "refund_payment",
    "reject_refund",
    "return_capture",
    "review_stuck_message",
    "shopper_says_paid",
    "start_payment",
]


def start_payment(
    *,
    order_reference: str,
    amount_minor: int,
    currency: str,
    method: str,
    subject: str,
    return_url: str,
    locale: str,
    claim: Claim | None,
    now: datetime,
    device: str = "desktop",
    payer: Mapping[str, str] | None = None,
) -> Started:
    """The payment that the shopper can use now: made here, the live one, or a switch.

    `payer` are the facts that the offered method `needs`. Raises PaymentAlreadySettled,
    IntentClosed, MethodNotOffered, PayerFactsMissing, GatewayDown, TooManyPayments, and what
    an idempotency claim raises (Replay, KeyInFlight, KeyReused).
    """
    gateway, _ = registry.public_methods().get(method, ("", ""))
    wish = Wish(
        order_reference=order_reference,
        amount_minor=amount_minor,
        currency=currency,
        method=method,
        subject=subject,
        return_url=return_url,
        notify_url=f"{settings.WEBHOOK_URL}/webhooks/{gateway}/",
        locale=locale,
        device=device,
        payer=payer or {},
        claim=claim,
    )
    started = starting.start(wish, now=now)
    if not (started.created or started.switching):
        metrics.duplicates_stopped.labels("start").inc()
    return started


def refresh_payment(
    *, reference: str, now: datetime, source: str = "check", actor: str = ""
) -> PaymentView:
    """Ask the gateway about one payment now, in whose name. Raises PaymentNotFound."""
    if not Payment.objects.filter(reference=reference).exists():
        raise PaymentNotFound
    row = polling.ask_now(reference, now=now, source=source, actor=actor)
    row = Payment.objects.select_related("intent").get(pk=row.pk)
    return payment_view(row, row.intent.order_reference, row.refunds.all())


def refresh_intent(*, order_reference: str, now: datetime) -> None:
    """Ask the gateway about every attempt of an order that may still be paid."""
    attempts = Payment.objects.unsettled().filter(intent__order_reference=order_reference)
    for reference in attempts.values_list("reference", flat=True):
        polling.ask_now(reference, now=now, source="check")


def close_intent(
    *, order_reference: str, amount_minor: int, currency: str, now: datetime
) -> Closing:
    """Let no new payment start and close the live one: CLOSED only when none can arrive."""
    return closing.close(
        order_reference=order_reference, amount_minor=amount_minor, currency=currency, now=now
    )


def refund_payment(
    *,
    payment_reference: str,
    amount_minor: int,
    refunded_so_far_minor: int,
    reason: str,
    actor: str,
    claim: Claim | None,
    now: datetime,
    note: str = "",
    parts: dict[str, Any] | None = None,
    tell_shopper: bool = True,
    retry_of: str = "",
) -> RefundView:
    """Send captured money back, once; above a limit it waits for a second person.

    `refunded_so_far_minor` is the done and pending total that the staff saw; `parts` is what
    the amount was made of, kept as it is; `retry_of` names the failed refund that this one
    replaces. Raises PaymentNotFound, NotRefundable,
    RefundedMeanwhile (with the fresh figure), RefundTooLarge, NotRetryable.
    """
    wish = requesting.RefundWish(
        payment_reference,
        amount_minor,
        refunded_so_far_minor,
        reason,
        actor,
        claim,
        note=note,
        parts=parts or {},
        tell_shopper=tell_shopper,
        retry_of=retry_of,
    )
    return requesting.request_refund(wish, now=now)


def return_capture(*, order_reference: str, reason: str, now: datetime) -> RefundView:
    """Late money that its order cannot take: write the refund in the caller's transaction."""
    return refunding.return_late_capture(order_reference=order_reference, reason=reason, now=now)


def list_payments(*, order_reference: str) -> list[PaymentView]:
    """Every attempt of an order, oldest first, with the refunds decided on: two queries."""
    payments = list(Payment.objects.filter(intent__order_reference=order_reference).order_by("id"))
    refunds: dict[int, list[Refund]] = {}
    if any(p.has_money for p in payments):
        known = Refund.objects.filter(payment__in=payments).order_by("id")
        for refund in (r for r in known if r.is_promised):
            refunds.setdefault(refund.payment_id, []).append(refund)
    return [payment_view(p, order_reference, refunds.get(p.pk, [])) for p in payments]


def offered_methods(*, amount_minor: int, currency: str) -> list[MethodOffer]:
    """The ways to pay this amount that can work, in the shop's order."""
    offers = []
    for public, (gateway, method) in registry.public_methods().items():
        can = registry.capabilities(gateway, method)
        fits = can.amount_minor_min <= amount_minor <= can.amount_minor_max
        fits = fits and (can.currencies is None or currency in can.currencies)
        if fits and not breaker.is_down(gateway):
            offers.append(MethodOffer(public, can.title, gateway, can.needs))
    return offers


def frame_origins(*, method: str) -> tuple[str, ...]:
    """Origins that the page of an embedded payment by this method may frame."""
    gateway, own = registry.public_methods()[method]
    return registry.capabilities(gateway, own).frame_origins


def frame_url(*, payment: PaymentView) -> str:
    """Where the embedded form of this payment lives; empty for any other presentation."""
    shown = payment.presentation or {}
    if shown.get("kind") != "embedded":
        return ""
    _, own = registry.public_methods()[payment.method]
    address = registry.capabilities(payment.gateway, own).frame_url
    return address.format(client_token=quote(shown["client_token"], safe=""))


def hasten_polls(*, order_reference: str, now: datetime) -> None:
    """A stale page was opened: ask soon. Calls no gateway and waits for nothing."""
    for reference in Payment.objects.all().hasten(order_reference=order_reference, now=now):
        courtesy.enqueue("payments.poll", reference=reference)


def lock_intent(*, order_reference: str) -> None:
    """For the relay: lock order is intent, then order, then stock."""
    PaymentIntent.objects.lock().filter(order_reference=order_reference).first()


def shopper_says_paid(*, order_reference: str, now: datetime) -> None:
    """The shopper says "I have paid" and the gateway, just asked, denies it: a person may look."""
    reviews.shopper_says_paid(order_reference=order_reference, now=now)


def review_stuck_message(*, order_reference: str, message: str, now: datetime) -> None:
    """A fact could not be delivered after many tries: a person looks."""
    reviews.open_case(
        ReviewKind.OUTBOX_STUCK, subject=message, order_reference=order_reference, now=now
    )
