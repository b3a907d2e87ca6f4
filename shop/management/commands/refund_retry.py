"""`manage.py refund_retry REF`: ask about a refund now, or replace one that failed."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from payments import refunding
from payments import services as payments
from payments.models import Refund
from payments.models.refund import RefundState
from shop.operating import OperatorCommand, nothing
from shop.problems import Problem

RIGHT = "payments.refund_payment"


class Command(OperatorCommand):
    """A refund on its way is pursued; a failed one gets a successor, once."""

    help = (
        "Send or ask about the refund REF now. One that failed for good is replaced by a new one "
        "of the same amount, in the name of --as, with every check that the admin makes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("reference", help="the refund's reference")
        parser.add_argument("--as", dest="actor", default="", help="user who may refund")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Refund.objects.select_related("payment").filter(reference=options["reference"])
        refund = found.first()
        if refund is None:
            raise nothing("refund", options["reference"])
        failed = refund.state == RefundState.FAILED
        actor = _checked(options["actor"]) if failed else ""
        would = "be replaced by a new refund" if failed else "be sent or asked about"
        told: dict[str, Any] = {"reference": refund.reference, "was": refund.state}
        if refund.state == RefundState.REQUESTED:
            told["would"] = "stay: it waits until a second person decides or transfers it"
        elif not failed and not refund.is_outstanding:
            told["would"] = "stay: it is done"
        elif options["dry_run"]:
            told["would"] = would
        elif failed:
            told["replaced_by"] = _replace(refund, actor)
        else:
            refunding.drive(refund.reference, now=timezone.now())
            told["is"] = Refund.objects.get(pk=refund.pk).state
        self.tell(told, options)


def _checked(actor: str) -> str:
    """The user in whose name it is done. Raises CommandError."""
    person = get_user_model().objects.filter(username=actor, is_active=True).first()
    if person is None:
        raise CommandError("A failed refund is replaced in somebody's name: --as USER.")
    if not person.has_perm(RIGHT):
        raise CommandError(f"{actor} may not refund (the right {RIGHT} is missing).")
    return actor


def _replace(refund: Refund, actor: str) -> str:
    payment = refund.payment
    try:
        new = payments.refund_payment(
            payment_reference=payment.reference,
            amount_minor=refund.amount_minor,
            refunded_so_far_minor=payment.refunded_minor + payment.refund_pending_minor,
            reason=refund.reason,
            note=refund.note,
            parts=refund.parts,
            tell_shopper=refund.tell_shopper,
            actor=actor,
            claim=None,
            retry_of=refund.reference,
            now=timezone.now(),
        )
    except Problem as refusal:
        raise CommandError(f"{refusal.title} Look: manage.py payment_show {payment}") from refusal
    return f"{new.reference} ({new.state})"
