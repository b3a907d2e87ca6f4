"""`manage.py sweep`: do by hand whatever is due, also when Redis and Celery are gone."""

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from orders import services as orders
from orders.post import sending
from payments import sweeping
from shop import outbox


class Command(BaseCommand):
    """One pass over payments, refunds, notifications, facts, mails, orders; safe beside Celery."""

    help = "Do whatever is due by its row: ask, close, refund, deliver, expire."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, help="repeat after so many seconds")
        parser.add_argument("--json", action="store_true", help="print one JSON object a pass")

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            self._show(self._pass(), as_json=options["json"])
            if options["every"] is None:
                return
            time.sleep(options["every"])

    def _pass(self) -> dict[str, int]:
        return {
            **sweeping.sweep(now=timezone.now()),
            "facts": outbox.relay(now=timezone.now()),
            "mails": sending.send_mails(now=timezone.now()),
            "pushes": sending.send_pushes(now=timezone.now()),
            "orders closed": orders.expire_unpaid_orders(now=timezone.now()),
            "orders asked about": orders.refresh_paying_orders(now=timezone.now()),
        }

    def _show(self, done: dict[str, int], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(done))
        else:
            self.stdout.write(", ".join(f"{count} {what}" for what, count in done.items()))
