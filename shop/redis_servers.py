"""One REDIS_URL, three databases beside each other: cache, broker, channel layer."""

from typing import Any
from urllib.parse import parse_qs, urlsplit


def caches(url: str, *, timeout_seconds: float) -> dict[str, Any]:
    """The cache with the locks, and the queue that tasks are put into."""
    return {
        name: _impatient(_beside(url, offset), timeout_seconds)
        for name, offset in (("default", 0), ("queue", 1))
    }


def _impatient(address: str, timeout_seconds: float) -> dict[str, Any]:
    """A server with the patience of a courtesy."""
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": address,
        "KEY_PREFIX": "payonce",
        "OPTIONS": {
            "CONNECTION_POOL_KWARGS": {
                "socket_timeout": timeout_seconds,
                "socket_connect_timeout": timeout_seconds,
                "max_connections": 200,
            },
        },
    }


def broker(url: str) -> str:
    """Celery's broker; kombu spells a socket's address in its own way."""
    return _beside(url, 1, socket="redis+socket://{path}?virtual_host={db}")


def channel_layer(url: str) -> dict[str, Any]:
    """Push to browsers. redis-py 8 ends an idle subscription after 5 s unless told not to."""
    return {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": _beside(url, 2), "socket_timeout": None}]},
    }


def _beside(url: str, offset: int, *, socket: str = "unix://{path}?db={db}") -> str:
    """The same server, `offset` databases further."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        db = int(parse_qs(parts.query).get("db", ["0"])[0]) + offset
        return socket.format(path=parts.path, db=db)
    db = int(parts.path.strip("/") or 0) + offset
    return f"{parts.scheme}://{parts.netloc}/{db}"
