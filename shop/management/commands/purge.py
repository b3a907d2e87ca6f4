"""`manage.py purge`: forget what nobody needs any more, in small batches."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connection
from django.utils import timezone

from payments.models import Notification
from shop.models import IdempotencyKey, OutboxMessage
from shop.operating import OperatorCommand, days

#: Rows in one transaction: a batch locks little and for milliseconds.
BATCH = 1000
KEYS = """
    DELETE FROM shop_idempotencykey WHERE id IN (
        SELECT id FROM shop_idempotencykey WHERE created_at < %s AND lease_until < now()
        ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""
#: The row stays: its id is how a repeat is known. Only what it said goes.
BODIES = """
    UPDATE payments_notification SET body = '' WHERE id IN (
        SELECT id FROM payments_notification
        WHERE received_at < %s AND processed_at IS NOT NULL AND body <> ''
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
"""
#: Wishes for a link may name anybody's order; what became of them stands among the mails.
WISHES = """
    DELETE FROM shop_outboxmessage WHERE id IN (
        SELECT id FROM shop_outboxmessage
        WHERE topic = 'LinkWanted' AND created_at < %s AND done_at IS NOT NULL
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
"""


class Command(OperatorCommand):
    """Old keys and wishes are deleted, old notification bodies emptied; money rows never."""

    help = (
        "Delete idempotency keys older than they are promised to be kept, and wishes for a link as "
        "old as that; empty the raw bodies of old notifications. No order, payment, refund or "
        "history is ever touched."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        default = settings.NOTIFICATION_BODIES_KEPT_DAYS
        parser.add_argument(
            "--bodies-days", type=days, default=default, help=f"keep bodies so long ({default})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        keys_before = now - settings.IDEMPOTENCY_KEPT
        bodies_before = now - timedelta(days=options["bodies_days"])
        if options["dry_run"]:
            keys = IdempotencyKey.objects.filter(created_at__lt=keys_before, lease_until__lt=now)
            notes = Notification.objects.filter(received_at__lt=bodies_before)
            notes = notes.exclude(processed_at=None).exclude(body=b"")
            wishes = OutboxMessage.objects.filter(topic="LinkWanted", created_at__lt=keys_before)
            wishes = wishes.exclude(done_at=None)
            self.tell(
                {
                    "keys_to_delete": keys.count(),
                    "bodies_to_empty": notes.count(),
                    "wishes_to_delete": wishes.count(),
                },
                options,
            )
            return
        self.tell(
            {
                "keys_deleted": self._in_batches(KEYS, keys_before, "keys"),
                "bodies_emptied": self._in_batches(BODIES, bodies_before, "bodies"),
                "wishes_deleted": self._in_batches(WISHES, keys_before, "wishes"),
            },
            options,
        )

    def _in_batches(self, statement: str, before: datetime, what: str) -> int:
        """Each batch commits by itself: an interrupted run has done what it said."""
        total, step = 0, 0
        while True:
            with connection.cursor() as cursor:
                cursor.execute(statement, [before, BATCH])
                step = int(cursor.rowcount)
            total += step
            if step < BATCH:
                return total
            self.progress(f"{total} {what}")
