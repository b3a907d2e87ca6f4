"""`manage.py sweep`: do by hand whatever is due, also when Redis and Celery are gone."""

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from orders import services as orders
from orders.models import Mail, Order, PushMessage
from orders.post import sending
from payments import sweeping
from payments.models import Notification, Payment, Refund
from shop import outbox
from shop.models import OutboxMessage


class Command(BaseCommand):
    """One pass over payments, refunds, notifications, facts, mails, orders; safe beside Celery."""

    help = "Do whatever is due by its row: ask, close, refund, deliver, expire."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, help="repeat after so many seconds")
        parser.add_argument("--json", action="store_true", help="print one JSON object a pass")
        parser.add_argument("--dry-run", action="store_true", help="only count what is due")

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            done = self._due() if options["dry_run"] else self._pass()
            self._show(done, as_json=options["json"])
            if options["every"] is None:
                return
            try:
                time.sleep(options["every"])
            except KeyboardInterrupt:  # the way to end it; a pass under way is finished first
                return

    def _pass(self) -> dict[str, int]:
        return {
            **sweeping.sweep(now=timezone.now()),
            "facts": outbox.relay(now=timezone.now()),
            "mails": sending.send_mails(now=timezone.now()),
            "pushes": sending.send_pushes(now=timezone.now()),
            "orders closed": orders.expire_unpaid_orders(now=timezone.now()),
            "orders asked about": orders.refresh_paying_orders(now=timezone.now()),
        }

    def _due(self) -> dict[str, int]:
        now = timezone.now()
        return {
            "notifications": Notification.objects.filter(
                processed_at=None, next_try_at__lte=now
            ).count(),
            "payments": Payment.objects.filter(next_poll_at__lte=now).count(),
            "refunds": Refund.objects.filter(next_poll_at__lte=now).count(),
            "facts": OutboxMessage.objects.filter(done_at=None, next_try_at__lte=now).count(),
            "mails": Mail.objects.filter(next_try_at__lte=now).count(),
            "pushes": PushMessage.objects.filter(next_try_at__lte=now).count(),
            "orders to close": Order.objects.due_to_close(now).count(),
            "orders to ask about": Order.objects.due_to_ask(now).count(),
        }

    def _show(self, done: dict[str, int], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(done))
        else:
            self.stdout.write(", ".join(f"{count} {what}" for what, count in done.items()))
