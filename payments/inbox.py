"""The inbox: a genuine notification is stored, acknowledged, then the gateway is asked.

What the notification says is never believed; it only tells whom to ask about.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from payments import polling, refunding, registry, reviews
from payments.gateways.base import RawRequest, Refused, Unknown
from payments.models import Notification, Payment, Refund
from payments.models.desk import ReviewKind
from payments.reconciliation import bear_again
from shop import courtesy, failpoints, metrics
from shop.logs import get_logger

log = get_logger(__name__)

#: The sweep takes a notification whose task was lost after this long.
TASK_PATIENCE = timedelta(seconds=5)
#: An unknown reference may be a race with our own commit, later it is an orphan.
TRIES_BEFORE_ORPHAN = 4


def receive(gateway_name: str, request: RawRequest, *, now: datetime) -> list[int]:
    """Store what is new of a genuine notification; the new rows' ids.

    Raises NotificationRefused. One statement a hint, committed at once: the ORM's own
    would make three round trips and not say whether the row was new.
    """
    hints = registry.gateway(gateway_name).parse_notification(request)
    stored = []
    failpoints.reach("notification.storing")
    for hint in hints:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO payments_notification
                    (gateway, notification_id, kind, reference, refund_reference, body,
                     received_at, tries, next_try_at, last_error, result)
                VALUES (%s, %s, %s, %s, %s, %s, %s, 0, %s, '', '')
                ON CONFLICT (gateway, notification_id) DO NOTHING RETURNING id
                """,
                [
                    gateway_name,
                    hint.notification_id,
                    hint.kind,
                    hint.reference,
                    hint.refund_reference,
                    request.body,
                    now,
                    now + TASK_PATIENCE,
                ],
            )
            if row := cursor.fetchone():
                stored.append(row[0])
            else:
                metrics.duplicates_stopped.labels("notification").inc()
    failpoints.reach("notification.stored")
    for notification_id in stored:
        courtesy.enqueue("payments.process_notification", notification_id=notification_id)
    return stored


def process(notification_id: int, *, now: datetime) -> None:
    """Ask the gateway about whom this notification names; repeating it changes nothing."""
    note = Notification.objects.get(pk=notification_id)
    if note.processed_at is not None:
        return
    note.tries += 1
    with courtesy.lock(
        f"callback:{note.reference or note.refund_reference}",
        hold_seconds=settings.PAYMENT_LEASE_SECONDS,
        wait_seconds=settings.START_WAIT_SECONDS,
    ):
        note.result = _follow(note, now=now)
    if note.result in ("asked", "orphan"):
        note.processed_at, note.next_try_at = now, None
        waited = (now - note.received_at).total_seconds()
        metrics.callback_seconds.labels(note.gateway).observe(waited)
    else:
        note.next_try_at = now + timedelta(seconds=2 ** min(note.tries + 1, 12))
    note.save(update_fields=["tries", "next_try_at", "result", "processed_at"])


def _follow(note: Notification, *, now: datetime) -> str:
    """Do what the hint asks for: `asked`, `unanswered`, `parked` or, at last, `orphan`."""
    if note.refund_reference:
        refund = Refund.objects.filter(
            reference=note.refund_reference, payment__gateway=note.gateway
        ).first()
        if refund is not None:
            return "asked" if refunding.ask(refund.reference, now=now) else "unanswered"
    payment = _payment_of(note)
    if payment is None and note.tries > 1 and _bear_again(note, now=now):
        payment = _payment_of(note)
    if payment is not None:
        if note.kind.endswith(".disputed"):
            _open_dispute(note, payment, now=now)
        return _ask(note, payment, now=now)
    if note.tries < TRIES_BEFORE_ORPHAN:
        return "parked"
    reviews.open_case(
        ReviewKind.ORPHAN_NOTIFICATION,
        subject=f"{note.gateway} {note.notification_id}",
        order_reference="",
        now=now,
        notification_kind=note.kind,
        reference=note.reference,
    )
    return "orphan"


def _payment_of(note: Notification) -> Payment | None:
    return Payment.objects.filter(reference=note.reference, gateway=note.gateway).first()


def _bear_again(note: Notification, *, now: datetime) -> bool:
    """A failover lost the row after the gateway was asked: the shopper waits for its money."""
    if not note.reference:
        return False  # it names the gateway's own ids alone
    owed = import_string(settings.WHAT_IS_OWED)
    try:
        return bear_again(note.gateway, note.reference, note.received_at, owed=owed, now=now)
    except (Refused, Unknown):
        return False


def _open_dispute(note: Notification, payment: Payment, *, now: datetime) -> None:
    """No question to the gateway settles this: only a person can answer the shopper's bank."""
    reviews.open_case(
        ReviewKind.DISPUTE,
        subject=payment.reference,
        order_reference=payment.intent.order_reference,
        now=now,
        notification=note.notification_id,
        captured_minor=payment.captured_minor,
        currency=payment.captured_currency,
    )


def _ask(note: Notification, payment: Payment, *, now: datetime) -> str:
    row = polling.ask_after_hint(payment.reference, now=now)
    if row.last_error:
        return "unanswered"
    if note.kind.endswith("paid") and not row.has_money:
        log.warning("payments.notification.not_confirmed", payment=row.reference)
    return "asked"


def claim_due(*, now: datetime, limit: int) -> list[int]:
    """Notifications whose task was lost or whose question was not answered."""
    rows = Notification.objects.raw(
        """
        WITH due AS MATERIALIZED (
            SELECT id FROM payments_notification
            WHERE processed_at IS NULL AND next_try_at <= %s
            ORDER BY next_try_at LIMIT %s FOR UPDATE SKIP LOCKED
        )
        UPDATE payments_notification note SET next_try_at = %s
        FROM due WHERE note.id = due.id RETURNING note.id
        """,
        [now, limit, now + timedelta(seconds=settings.PAYMENT_LEASE_SECONDS)],
    )
    return [row.pk for row in rows]
