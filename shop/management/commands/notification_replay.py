"""`manage.py notification_replay`: follow stored notifications once more."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from payments import replaying
from payments.models import Notification


class Command(BaseCommand):
    """Each one asks the gateway again, however often it was followed before."""

    help = (
        "Follow notifications again, by the gateway's own id or all that wait for a payment "
        "we do not know. Repeating it changes nothing that the gateway does not say."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="the gateway's notification id")
        parser.add_argument("--parked", action="store_true", help="all whose payment is unknown")
        parser.add_argument("--dry-run", action="store_true", help="only name them")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = self._chosen(options["ids"], parked=options["parked"])
        results: dict[int, str] = {}
        if not options["dry_run"]:
            for pk in chosen:
                results |= replaying.replay([pk], person=None, now=timezone.now())
                if not options["json"]:
                    self.stdout.write(f"{chosen[pk]}: {results[pk]}")
        self._report(chosen, results, as_json=options["json"])

    def _chosen(self, ids: list[str], *, parked: bool) -> dict[int, str]:
        if bool(ids) == parked:
            raise CommandError("Name notifications by their ids, or take --parked.")
        found = Notification.objects.order_by("pk").values_list("pk", "notification_id")
        if parked:
            return dict(found.filter(result__in=replaying.HOMELESS))
        chosen = dict(found.filter(notification_id__in=ids))
        if missing := sorted(set(ids) - set(chosen.values())):
            raise CommandError(f"No notification has the id {', '.join(missing)}.")
        return chosen

    def _report(self, chosen: dict[int, str], results: dict[int, str], *, as_json: bool) -> None:
        if as_json:
            body = {name: results.get(pk, "") for pk, name in chosen.items()}
            self.stdout.write(json.dumps({"replayed": len(results), "notifications": body}))
        elif results or not chosen:
            self.stdout.write(f"{len(results)} replayed")
        else:
            self.stdout.write("\n".join([*chosen.values(), f"{len(chosen)} would be replayed"]))
