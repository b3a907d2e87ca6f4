"""`manage.py audit`: prove that nobody was charged twice and nothing was lost."""

import json
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from orders.models import Order
from payments.gateways.base import Refused, Unknown
from payments.reconciliation import Movement, adopt
from shop.audit import checks, ledger
from shop.books import owed
from shop.operating import OperatorCommand


class Command(OperatorCommand):
    """Compare every order with the gateways' own books; exit 1 when something is wrong."""

    help = (
        "Check every invariant of the shop's money against the gateways' own statements. "
        "Movements that carry our reference and have no row are adopted first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--since", type=date.fromisoformat, help="first day, YYYY-MM-DD, UTC")
        parser.add_argument(
            "--all-at-rest", action="store_true", help="nothing may be under way (I13)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        today = timezone.now().astimezone(UTC).date()
        first = options["since"] or _first_day() or today
        if first > today:
            raise CommandError(f"--since {first} lies in the future; today is {today} in UTC.")
        try:
            rows = ledger.read(first, today, progress=self.progress)
            adopted = 0 if options["dry_run"] else self._adopt(rows)
            if adopted:
                self.progress(f"{adopted} adopted, reading once more")
                rows = ledger.read(first, today, progress=self.progress)
        except (Unknown, Refused) as silence:
            raise CommandError(
                f"A gateway did not give its statement ({silence}): nothing is proven. "
                "Try again when it answers."
            ) from silence
        self.progress(f"checking every order since {first}")
        # One transaction: behind a pooler the next one may run where there is no such table.
        with transaction.atomic():
            ledger.load(rows, first=first)
            violations = checks.check(all_at_rest=options["all_at_rest"])
        self._report(first, rows, adopted, violations, as_json=options["json"])
        if violations:
            raise SystemExit(1)

    def _adopt(self, rows: list[Movement]) -> int:
        return sum(adopt(row, owed=owed, now=timezone.now()) for row in rows)

    def _report(
        self,
        first: date,
        rows: list[Movement],
        adopted: int,
        violations: list[checks.Violation],
        *,
        as_json: bool,
    ) -> None:
        if as_json:
            found = [vars(violation) for violation in violations]
            body = {"since": str(first), "movements": len(rows), "adopted": adopted}
            self.stdout.write(json.dumps({**body, "violations": found}))
            return
        for name, invariant in checks.invariants().items():
            mine = [v for v in violations if v.invariant == name]
            if name != "setup":
                self.stdout.write(f"{'!!' if mine else 'ok'} {name:4} {invariant.sentence}")
            for violation in mine:
                self.stdout.write(f"        {violation.subject}: {violation.detail}")
        self.stdout.write(
            f"{len(rows)} movements since {first}, {adopted} adopted, {len(violations)} violations"
        )


def _first_day() -> date | None:
    """The day of the first order: no statement before it can concern us."""
    first: datetime | None = (
        Order.objects.order_by("placed_at").values_list("placed_at", flat=True).first()
    )
    return first.astimezone(UTC).date() if first else None
