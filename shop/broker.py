"""Lets a Celery worker outlive its Redis.

When Redis dies while a task is under way, kombu 5.7 acknowledges or puts back the task on a
channel that is closed already. It then asks the lost connection for its address, and the
AttributeError ends the worker. Told that the connection is gone, it connects again.
"""

from typing import Any

from kombu.transport.redis import Channel
from redis.exceptions import ConnectionError as RedisConnectionError


def outlive_redis() -> None:
    """Call once, before the first connection is made."""
    channels: Any = Channel
    address_of = channels._connparams

    def address_while_open(channel: Any, *args: Any, **kwargs: Any) -> Any:
        if channel.connection is None or channel.connection.client is None:
            raise RedisConnectionError("this channel's connection is gone")
        return address_of(channel, *args, **kwargs)

    channels._connparams = address_while_open
