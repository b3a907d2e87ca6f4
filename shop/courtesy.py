"""Redis as a courtesy: locks and caches that spare work and waiting, never guard money.

Every call answers within a tenth of a second or not at all. After a failure this process
leaves Redis alone for `COURTESY_PAUSE_SECONDS`, so that a frozen server costs a shopper one
short wait. Nothing here raises for Redis trouble: the database decides either way.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum
from typing import Any, TypeVar

import structlog
from celery import current_app
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from django_redis import get_redis_connection
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import LockError, RedisError

from shop.logs import get_logger
from shop.task_messages import task_message

log = get_logger(__name__)
#: The header in which a request's id travels to the tasks that it sends.
REQUEST_ID = "request_id"
REDIS_TROUBLE = (RedisError, ConnectionInterrupted, OSError)


class Held(Enum):
    """What became of our wish to hold a lock."""

    MINE = "mine"
    OTHERS = "others"  # somebody held it for as long as we were ready to wait
    NO_REDIS = "no_redis"  # nobody knows: go on, the database decides


class _Pause:
    """The breaker: until when this process leaves Redis alone (monotonic seconds)."""

    until = 0.0

    def active(self) -> bool:
        return time.monotonic() < self.until

    def begin(self, error: Exception) -> None:
        self.until = time.monotonic() + settings.COURTESY_PAUSE_SECONDS
        log.warning("courtesy.redis.paused", error=type(error).__name__)


pause = _Pause()
redis: Any = cache  # django-redis' own methods: lock
T = TypeVar("T")


def _ask(question: Callable[[], T], otherwise: T) -> T:
    if pause.active():
        return otherwise
    try:
        return question()
    except REDIS_TROUBLE as error:
        pause.begin(error)
        return otherwise


def get(name: str) -> Any:
    """The cached value, or None when absent or Redis is away."""
    return _ask(lambda: cache.get(name), None)


def put(name: str, value: Any, *, seconds: float) -> None:
    """Keep a value for a while, if Redis is there."""
    _ask(lambda: cache.set(name, value, timeout=seconds), None)


def add(name: str, value: Any, *, seconds: float) -> bool | None:
    """Keep a value if the name is free: True when ours, False when taken, None unknown."""
    return _ask(lambda: bool(cache.add(name, value, timeout=seconds)), None)


def drop(*names: str) -> None:
    """Forget values."""
    _ask(lambda: cache.delete_many(names), None)


def count(name: str, *, seconds: float) -> int | None:
    """Count one more within a window that begins with the first; None without Redis."""

    def one_more() -> int:
        cache.add(name, 0, timeout=seconds)
        return int(cache.incr(name))

    try:
        return _ask(one_more, None)
    except ValueError:  # the window ended between the two
        return 1


@contextmanager
def lock(name: str, *, hold_seconds: float, wait_seconds: float) -> Iterator[Held]:
    """Hold a named lock for the block; whoever waits in vain learns so and goes on."""
    handle = _ask(lambda: redis.lock(name, timeout=hold_seconds, sleep=0.02), None)
    held = Held.NO_REDIS
    if handle is not None:
        got = _ask(lambda: handle.acquire(blocking_timeout=wait_seconds), None)
        held = Held.NO_REDIS if got is None else Held.MINE if got else Held.OTHERS
    try:
        yield held
    finally:
        if held is Held.MINE:
            _ask(lambda: _release(handle), None)


def _release(handle: Any) -> None:
    try:
        handle.release()
    except LockError:
        # It ran out while we worked and may be another's by now: theirs to release.
        log.info("courtesy.lock.ran_out", lock=handle.name)


def enqueue(task: str, *, countdown_seconds: float = 0, **kwargs: Any) -> None:
    """Send a Celery task if the broker answers at once; its sweep is the net if not."""

    # A worker waits for the list, so nobody declares it first.
    queue = current_app.conf.task_default_queue
    due = timezone.now() + timedelta(seconds=countdown_seconds) if countdown_seconds else None
    request_id = structlog.contextvars.get_contextvars().get(REQUEST_ID)
    headers = {REQUEST_ID: request_id} if request_id else {}
    message = task_message(task, kwargs, queue=queue, due=due, **headers)
    _ask(lambda: get_redis_connection("queue").lpush(queue, message), None)


def publish(group: str, message: dict[str, Any]) -> None:
    """Wake a Channels group, if Redis is there; synchronous, so no event loop is started."""
    layer = get_channel_layer()
    # The name and the encoding are those of channels_redis.pubsub, which a test compares.
    channel = f"asgi__group__{group}"
    _ask(lambda: get_redis_connection("default").publish(channel, layer.serialize(message)), None)
