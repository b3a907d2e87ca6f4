"""What an open order page watches: a small body, its strong ETag, and the push to sockets.

The cached copy spares queries; it lives for seconds, so that a stale one heals by itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction

from orders.models import Order
from orders.problems import OrderNotFound
from shop import courtesy

#: Two commits may be announced in the wrong order: the older copy is gone after this long.
CACHED_SECONDS = 5.0

COLUMNS = (
    "number",
    "public_id",
    "state",
    "version",
    "total_minor",
    "currency",
    "expires_at",
    "cancel_wanted_at",
)


@dataclass(frozen=True)
class Status:
    """The order as its page watches it. `number` stays inside: it names the push group."""

    number: str
    version: int
    body: dict[str, Any]

    @property
    def etag(self) -> str:
        """Strong: equal only for byte-equal bodies of this order."""
        return f'"{self.version}-{self.body["state"]}"'


def of(order: Order) -> Status:
    """The status of a loaded order."""
    body = {
        "public_id": order.public_id,
        "state": order.state,
        "version": order.version,
        "total_minor": order.total_minor,
        "currency": order.currency,
        "expires_at": order.expires_at.isoformat().replace("+00:00", "Z"),
        "cancel_wanted": order.cancel_wanted_at is not None,
    }
    return Status(number=order.number, version=order.version, body=body)


def read(public_id: str, *, at_least: int = 0) -> Status:
    """The status, from the cache or by one query. Raises OrderNotFound.

    A cached copy older than version `at_least` does not count.
    """
    cached = courtesy.get(_cache_name(public_id))
    if cached is not None and cached[1] >= at_least:
        return Status(*cached)
    order = Order.objects.filter(public_id=public_id).only(*COLUMNS).first()
    if order is None:
        raise OrderNotFound
    found = of(order)
    _remember(found)
    return found


def group_of(order_number: str) -> str:
    """The channel group of everybody who watches this order."""
    return f"order.{order_number}"


def announce(order: Order) -> None:
    """After the commit, refresh the cached status and wake the watching sockets.

    Neither waits for Redis longer than a courtesy, nor fails the request.
    """
    transaction.on_commit(partial(_announce, of(order)), robust=True)


def _announce(found: Status) -> None:
    _remember(found)
    courtesy.publish(group_of(found.number), {"type": "order.changed", "version": found.version})


def _remember(found: Status) -> None:
    copy = (found.number, found.version, found.body)
    courtesy.put(_cache_name(found.body["public_id"]), copy, seconds=CACHED_SECONDS)


def _cache_name(public_id: str) -> str:
    # The public id is a capability: Redis and its logs see a digest only.
    return "order-status:" + hashlib.sha256(public_id.encode()).hexdigest()
