"""Following a stored notification once more: the gateway is asked again, nothing moves twice."""

from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction

from payments import inbox
from payments.models import Notification, PaymentIntent
from shop.logs import get_logger
from shop.models import StaffAction, User

log = get_logger(__name__)

RIGHT = "payments.replay_notification"
#: What waits for a payment that we do not know, and what was given up on for that.
HOMELESS = ("parked", "orphan")
#: One page of the inbox; each may cost a gateway's whole time limit.
REPLAY_MAX = 50


def replay(
    notification_ids: Iterable[int], *, person: User | None, now: datetime
) -> dict[int, str]:
    """Follow these again, whatever became of them; id -> the new result.

    `person` is None for an operator at the command line. Raises PermissionDenied.
    """
    if person is not None and not person.has_perm(RIGHT):
        raise PermissionDenied
    wanted = sorted(set(notification_ids))[:REPLAY_MAX]
    return {pk: _again(pk, now) for pk in wanted if _made_due(pk, person, now)}


def _made_due(pk: int, person: User | None, now: datetime) -> bool:
    """Forget what became of it, on record; False when there is no such notification."""
    with transaction.atomic():
        note = Notification.objects.select_for_update().filter(pk=pk).first()
        if note is None:
            return False
        before, note.result = note.result, ""
        note.processed_at, note.next_try_at, note.tries = None, now + inbox.TASK_PATIENCE, 0
        note.save(update_fields=["processed_at", "next_try_at", "tries", "result"])
        log.info("payments.notification.replayed", notification=pk, before=before)
        if person is not None:
            _on_record(note, person, before, now)
    return True


def _again(pk: int, now: datetime) -> str:
    inbox.process(pk, now=now)
    return Notification.objects.values_list("result", flat=True).get(pk=pk)


def _on_record(note: Notification, person: User, before: str, now: datetime) -> None:
    owed_by = PaymentIntent.objects.filter(payments__reference=note.reference)
    StaffAction.objects.create(
        actor=person,
        action="replay_notification",
        subject=str(note)[:140],
        order_reference=owed_by.values_list("order_reference", flat=True).first() or "",
        detail={"notification": note.pk, "before": before},
        at=now,
    )
