"""`manage.py payment_show REF`: what happened to this payment?"""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from payments import services as payments
from payments.models import Payment, PaymentIntent, Refund
from payments.timeline import Entry, timeline
from shop.operating import OperatorCommand, nothing


def order_reference_of(reference: str) -> str | None:
    """The order that a payment's, refund's, order's or gateway's reference belongs to."""
    refunds = Refund.objects.filter(reference=reference)
    for found in (
        PaymentIntent.objects.filter(order_reference=reference),
        PaymentIntent.objects.filter(payments__reference=reference),
        PaymentIntent.objects.filter(payments__refunds__in=refunds),
        PaymentIntent.objects.filter(payments__gateway_transaction_id=reference),
        PaymentIntent.objects.filter(payments__gateway_order_id=reference),
    ):
        if intent := found.first():
            return intent.order_reference
    return None


class Command(OperatorCommand):
    """One order's attempts, refunds and line of time, whichever of its references is known."""

    help = "Show every attempt, refund and step of the order that REF belongs to. Changes nothing."
    writes = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("reference", help="an order's, payment's, refund's or gateway's own")

    def handle(self, *args: Any, **options: Any) -> None:
        number = order_reference_of(options["reference"])
        if number is None:
            raise nothing("order, payment, refund or gateway transaction", options["reference"])
        attempts = Payment.objects.filter(intent__order_reference=number).order_by("id")
        self.tell(
            {
                "order_reference": number,
                "payments": [_attempt(row) for row in attempts],
                "refunds": [
                    refund.as_api()
                    for view in payments.list_payments(order_reference=number)
                    for refund in view.refunds
                ],
                "timeline": [_told(entry) for entry in timeline(number)],
            },
            options,
        )


def _attempt(row: Payment) -> dict[str, Any]:
    return {
        "reference": row.reference,
        "gateway": row.gateway,
        "method": row.method,
        "state": row.state,
        "role": row.role,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "captured_minor": row.captured_minor,
        "refunded_minor": row.refunded_minor,
        "refund_pending_minor": row.refund_pending_minor,
        "sends": row.send_count,
        "polls": row.poll_count,
        "next_poll_at": row.next_poll_at,
        "last_error": row.last_error,
    }


def _told(entry: Entry) -> dict[str, Any]:
    """Without the raw body: a terminal and its scroll-back are no safe place."""
    return {k: v for k, v in asdict(entry).items() if k != "raw"}
