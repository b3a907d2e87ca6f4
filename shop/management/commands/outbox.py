"""`manage.py outbox status|replay`: facts on their way, and those that are stuck."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from shop import outbox
from shop.models import OutboxMessage
from shop.operating import OperatorCommand


class Command(OperatorCommand):
    """Look, or deliver again what was not delivered; a delivered fact is never told twice."""

    help = (
        "status: what waits, by fact and subscriber. replay: deliver now what waits (--stuck: only "
        "what a person was told about; --order REF: only of one order)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("what", choices=["status", "replay"])
        parser.add_argument("--stuck", action="store_true", help="only what is stuck")
        parser.add_argument("--order", default="", help="only of this order")

    def handle(self, *args: Any, **options: Any) -> None:
        waiting = OutboxMessage.objects.filter(done_at=None)
        if options["stuck"]:
            waiting = waiting.exclude(stuck_at=None)
        if options["order"]:
            waiting = waiting.filter(order_reference=options["order"])
            if not OutboxMessage.objects.filter(order_reference=options["order"]).exists():
                raise CommandError(f"No fact was ever about the order {options['order']!r}.")
        if options["what"] == "status" or options["dry_run"]:
            self.tell({"waiting": waiting.count(), "facts": _by_fact(waiting)}, options)
        else:
            self.tell(self._replay(waiting), options)

    def _replay(self, waiting: QuerySet[OutboxMessage]) -> dict[str, Any]:
        now = timezone.now()
        wanted = list(waiting.values_list("pk", flat=True))
        # A worker that holds one gives it back, or finds it done: the row's lock decides.
        OutboxMessage.objects.filter(pk__in=wanted, done_at=None).update(
            next_try_at=now, tries=0, stuck_at=None
        )
        delivered = 0
        while step := outbox.relay(now=timezone.now()):
            delivered += step
            self.progress(f"{delivered} delivered")
        left = OutboxMessage.objects.filter(pk__in=wanted, done_at=None)
        failing = [
            {"fact": str(message), "error": message.last_error} for message in left.order_by("pk")
        ]
        return {"tried": len(wanted), "delivered": len(wanted) - len(failing), "failing": failing}


def _by_fact(waiting: QuerySet[OutboxMessage]) -> list[dict[str, Any]]:
    grouped = waiting.values("topic", "subscriber").annotate(
        messages=Count("pk"),
        stuck=Count("pk", filter=~Q(stuck_at=None)),
        oldest=Min("created_at"),
        tries=Max("tries"),
        last_error=Max("last_error"),
    )
    return [dict(row) for row in grouped.order_by("topic", "subscriber")]
