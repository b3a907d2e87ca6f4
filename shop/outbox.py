"""The outbox: facts come up from payments to orders, and none is lost on the way.

A fact is published inside the transaction that makes it true. Subscribers of the `must` and
`now` kinds run at once in that transaction. A `must` that fails undoes the fact. A `now` runs
under a savepoint: if it fails, the fact still commits and the relay tries again until the
subscriber has heard it. Subscribers of the `later` kind always ride the relay. A message is
written only for what could not be told at once. Handlers are idempotent; each
message is delivered at least once.
"""

from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import Model
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import import_string

from shop import failpoints, hot
from shop.logs import get_logger
from shop.models import OutboxMessage

log = get_logger(__name__)

#: A worker that died holding messages gives them back after this long.
RELAY_LEASE = timedelta(seconds=30)
#: Ten doublings from one second are about seventeen minutes; then a person is told.
TRIES_BEFORE_REVIEW = 10
PAUSE_MAX = timedelta(minutes=10)


class Fact(Protocol):
    """Something that became true: a frozen dataclass of JSON-able values."""

    @property
    def order_reference(self) -> str: ...

    @property
    def dedupe_key(self) -> str: ...


Handler = Callable[..., None]
FACTS: dict[str, type] = {}


def fact(cls: type) -> type:
    """Class decorator: make a dataclass known to the relay by its name."""
    FACTS[cls.__name__] = cls
    return cls


def heard_late_by(late: Handler) -> Callable[[Handler], Handler]:
    """Decorator of a `now` subscriber: what the relay calls instead of it.

    A fact that waited may be old: what it says can have been overtaken by others.
    """

    def mark(subscriber: Handler) -> Handler:
        subscriber.heard_late_by = late  # type: ignore[attr-defined]
        return subscriber

    return mark


def publish(happened: Fact, *, now: datetime) -> None:
    """Tell every subscriber of this fact; the caller's transaction makes it so."""
    if not connection.in_atomic_block:
        raise RuntimeError("A fact is published inside the transaction that makes it true.")
    topic = type(happened).__name__
    subscribers = settings.OUTBOX_SUBSCRIBERS[topic]
    for subscriber in subscribers.get("must", []):
        _handler(subscriber)(happened, now=now)
    unheard = [
        _message(happened, subscriber, now=now, error=error)
        for subscriber in subscribers.get("now", [])
        if (error := _tell_now(subscriber, happened, now=now)) is not None
    ]
    later = [
        _message(happened, subscriber, now=now, error="")
        for subscriber in subscribers.get("later", [])
    ]
    if later:
        OutboxMessage.objects.bulk_create(later, ignore_conflicts=True)
    if unheard:
        # It may have become true before, been undone, and be true again ("done, failed, done"):
        # that it was heard then does not help now.
        OutboxMessage.objects.bulk_create(
            unheard,
            update_conflicts=True,
            unique_fields=["subscriber", "topic", "dedupe_key"],
            update_fields=["done_at", "next_try_at", "tries", "stuck_at", "last_error"],
        )


def publish_beside(row: Model, happened: Fact, *, now: datetime) -> None:
    """Insert a new row and publish a fact that is only heard later, in one statement.

    For a doorway that counts its round trips; both rows are the caller's transaction's.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A fact is published inside the transaction that makes it true.")
    subscribers = settings.OUTBOX_SUBSCRIBERS[type(happened).__name__]
    if set(subscribers) - {"later"}:
        raise RuntimeError("Whoever hears this fact at once would hear it before its row is there.")
    messages: list[Model] = [
        _message(happened, subscriber, now=now, error="")
        for subscriber in subscribers.get("later", [])
    ]
    if not messages:
        hot.insert([row])
        return
    beside, beside_values = hot.insert_text([row])
    told, told_values = hot.insert_text(messages)
    with connection.cursor() as cursor:
        cursor.execute(f"WITH beside AS ({beside}) {told}", [*beside_values, *told_values])


def _tell_now(subscriber: str, happened: Fact, *, now: datetime) -> str | None:
    """Run one handler under a savepoint; its failure is returned, to be tried again."""
    try:
        with transaction.atomic():
            _handler(subscriber)(happened, now=now)
    except DatabaseError:
        if connection.needs_rollback:
            raise  # the transaction itself is lost, and with it the fact: nothing to relay
        log.exception("outbox.subscriber.failed", subscriber=subscriber)
        return "database error"
    except Exception as error:
        # Our own trouble must not undo a gateway's money fact; the relay tries again.
        log.exception("outbox.subscriber.failed", subscriber=subscriber)
        return repr(error)[:300]
    return None


def _message(happened: Fact, subscriber: str, *, now: datetime, error: str) -> OutboxMessage:
    return OutboxMessage(
        topic=type(happened).__name__,
        subscriber=subscriber,
        dedupe_key=happened.dedupe_key,
        order_reference=happened.order_reference,
        payload=_to_json(happened),
        created_at=now,
        tries=1 if error else 0,
        last_error=error,
        next_try_at=now,
    )


def relay(*, now: datetime, limit: int = 200) -> int:
    """Deliver what is due, each message in a transaction of its own; how many were done."""
    return sum(_deliver(message, now=now) for message in _claim(now=now, limit=limit))


def _claim(*, now: datetime, limit: int) -> list[OutboxMessage]:
    """Take due messages for this worker; others skip the rows we hold."""
    return list(
        OutboxMessage.objects.raw(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM shop_outboxmessage
                WHERE done_at IS NULL AND next_try_at <= %s
                ORDER BY next_try_at, id LIMIT %s FOR UPDATE SKIP LOCKED
            )
            UPDATE shop_outboxmessage mine SET next_try_at = %s, tries = tries + 1
            FROM due WHERE mine.id = due.id RETURNING mine.*
            """,
            [now, limit, now + RELAY_LEASE],
        )
    )


def _deliver(message: OutboxMessage, *, now: datetime) -> bool:
    failpoints.reach("relay.claimed")
    try:
        with transaction.atomic(durable=True):
            # Lock order is intent, order, stock: the handler takes the other two.
            import_string(settings.OUTBOX_LOCK)(order_reference=message.order_reference)
            row = OutboxMessage.objects.select_for_update().get(pk=message.pk)
            if row.done_at is None:
                handler = _handler(row.subscriber)
                handler = getattr(handler, "heard_late_by", handler)
                handler(_from_json(row.topic, row.payload), now=now)
                failpoints.reach("relay.delivering")
                row.done_at, row.next_try_at, row.last_error = now, None, ""
                row.save(update_fields=["done_at", "next_try_at", "last_error"])
        return True
    except Exception as error:
        # Whatever the handler's trouble, the message stays and is tried again.
        log.exception("outbox.delivery.failed", message=message.pk, topic=message.topic)
        _postpone(message, error, now=now)
        return False


def _postpone(message: OutboxMessage, error: Exception, *, now: datetime) -> None:
    wait = min(PAUSE_MAX, timedelta(seconds=2 ** min(message.tries, 20)))
    message.next_try_at, message.last_error = now + wait, repr(error)[:300]
    stuck = message.tries >= TRIES_BEFORE_REVIEW and message.stuck_at is None
    if stuck:
        message.stuck_at = now
    message.save(update_fields=["next_try_at", "last_error", "stuck_at"])
    if stuck:
        import_string(settings.OUTBOX_ON_STUCK)(
            order_reference=message.order_reference, message=str(message), now=now
        )


@cache
def _handler(subscriber: str) -> Handler:
    handler: Handler = import_string(subscriber)
    return handler


def _to_json(happened: Fact) -> dict[str, Any]:
    encoder = DjangoJSONEncoder()
    return {
        name: encoder.default(value) if isinstance(value, datetime) else value
        for name, value in asdict(happened).items()  # type: ignore[call-overload]
    }


def _from_json(topic: str, payload: dict[str, Any]) -> Any:
    cls = FACTS[topic]
    moments = {f.name for f in fields(cls) if f.type in (datetime, "datetime")}
    return cls(**{k: parse_datetime(v) if k in moments else v for k, v in payload.items()})
