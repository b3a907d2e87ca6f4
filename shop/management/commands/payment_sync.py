"""`manage.py payment_sync REF`: ask the gateway now, and record what it says."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from payments import services as payments
from payments.models import Payment
from shop.management.commands.payment_show import REFERENCE, order_reference_of
from shop.operating import OperatorCommand

#: Nobody is signed in there; no user has this name, for it has a space.
COMMAND_LINE = "command line"


class Command(OperatorCommand):
    """Ask about every attempt of an order; the answers go through the one funnel."""

    help = (
        "Ask the gateway about every attempt of the order that REF belongs to, and record the "
        "answers. With --dry-run only show what would change."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("reference", help=REFERENCE)

    def handle(self, *args: Any, **options: Any) -> None:
        number = order_reference_of(options["reference"])
        ask = _preview if options["dry_run"] else _sync
        attempts = Payment.objects.filter(intent__order_reference=number, same_attempt_as=None)
        asked = [ask(row) for row in attempts.order_by("id")]
        self.tell({"order_reference": number, "asked": asked}, options)


def _preview(row: Payment) -> dict[str, Any]:
    shown = payments.preview_answer(reference=row.reference, now=timezone.now())
    return {
        "reference": row.reference,
        "state": row.state,
        "gateway_says": shown.answer,
        "note": shown.note,
        "would_change": shown.would,
    }


def _sync(row: Payment) -> dict[str, Any]:
    view = payments.refresh_payment(
        reference=row.reference, now=timezone.now(), source="staff", actor=COMMAND_LINE
    )
    row.refresh_from_db(fields=["last_error"])
    return {
        "reference": row.reference,
        "was": row.state,
        "is": view.state,
        "no_answer": row.last_error,
    }
