"""`manage.py reconcile`: the gateways' statement of one day against our rows."""

import json
from datetime import UTC, date, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from payments import registry
from payments.daybook import Problem
from payments.gateways.base import Refused, Unknown
from payments.reconciling import Result
from shop import books
from shop.money import format_money
from shop.operating import OperatorCommand


class Command(OperatorCommand):
    """Compare a day; exit 1 when something differs."""

    help = (
        "Read each gateway's statement of one UTC day, adopt what carries our reference, and "
        "compare captures, refunds, fees and payout. Differences become review cases."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--date", type=date.fromisoformat, help="YYYY-MM-DD, UTC; yesterday if left out"
        )
        parser.add_argument("--gateway", help="this one only")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        today = now.astimezone(UTC).date()
        day = options["date"] or today - timedelta(days=1)
        if day > today:
            raise CommandError(f"--date {day} lies in the future; today is {today} in UTC.")
        if options["gateway"] and options["gateway"] not in registry.configured():
            raise CommandError(f"No gateway is called {options['gateway']}.")
        wanted = [options["gateway"]] if options["gateway"] else None
        try:
            found = books.reconcile_day(
                day,
                now=now,
                gateways=wanted,
                dry_run=options["dry_run"],
                progress=self.progress,
            )
        except (Unknown, Refused) as silence:
            raise CommandError(
                f"A gateway did not give its statement ({silence}). Try again when it answers."
            ) from silence
        for result in found:
            self._report(result, as_json=options["json"])
        if any(result.comparison.differences for result in found):
            raise SystemExit(1)

    def _report(self, result: Result, *, as_json: bool) -> None:
        found = result.comparison
        counts = {problem.value: found.count(problem) for problem in Problem}
        if as_json:
            body = {"gateway": result.gateway, "day": str(result.day), "adopted": result.adopted}
            body |= {"matched": found.matched, **counts, "totals": found.totals()}
            listed = [difference.as_json() for difference in found.differences]
            self.stdout.write(json.dumps({**body, "differences": listed}))
            return
        told = ", ".join(f"{count} {problem}" for problem, count in counts.items())
        self.stdout.write(f"{result.gateway} {result.day}: {found.matched} matched, {told}, "
                          f"{result.adopted} adopted")  # fmt: skip
        for difference in found.differences:
            self.stdout.write(f"  {difference.problem}: {difference.kind} {difference.subject} of "
                              f"{difference.reference} {difference.why}")  # fmt: skip
        for currency, sums in found.sums.items():
            self.stdout.write(f"  payout {format_money(sums.payout, currency)}")
