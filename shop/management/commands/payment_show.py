"""`manage.py payment_show REF`: what happened to this payment?"""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from payments import services as payments
from payments.models import Payment, PaymentIntent
from payments.timeline import Entry, timeline
from shop.desk.finding import exact_hits, listed_orders
from shop.operating import OperatorCommand, nothing

#: What both commands take: as the desk's search, but for amounts.
REFERENCE = (
    "an order's, payment's or refund's own, the gateway's name of either, a notification's id, "
    "an invoice, a key, or a mail address"
)
#: So many orders of one address are named.
SEVERAL = 10


def order_reference_of(reference: str) -> str:
    """The order that the desk's search finds by this name. Raises CommandError."""
    numbers = [hit.number for hit in exact_hits(reference.strip())]
    if not numbers:
        # An intent without an order: somebody else's use of payments, or a lost order.
        intents = PaymentIntent.objects.filter(order_reference=reference)
        numbers = list(intents.values_list("order_reference", flat=True))
    if not numbers:
        numbers = _orders_of_address(reference)
    if not numbers:
        raise nothing("order, payment, refund, notification, invoice or key", reference)
    if len(numbers) > 1:
        raise CommandError(f"{reference!r} belongs to several orders: {', '.join(numbers)}.")
    return numbers[0]


def _orders_of_address(text: str) -> list[str]:
    """The newest orders of a mail address, as far as they can be named in one line."""
    orders = listed_orders(text) if "@" in text else None
    found = orders.order_by("-pk")[:SEVERAL] if orders is not None else ()
    return [order.number for order in found]


class Command(OperatorCommand):
    """One order's attempts, refunds and line of time, whichever of its references is known."""

    help = "Show every attempt, refund and step of the order that REF belongs to. Changes nothing."
    writes = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("reference", help=REFERENCE)

    def handle(self, *args: Any, **options: Any) -> None:
        number = order_reference_of(options["reference"])
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
