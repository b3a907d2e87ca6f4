"""An order's link, sent again by mail to who lost it.

Whoever asks learns nothing: every well-formed wish writes the same one row and gets the same
answer. The relay looks afterwards whether there is such an order with such an address.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from orders.events import LinkWanted
from orders.models import Order
from shop import courtesy, outbox
from shop.problems import Problem

WINDOW_SECONDS = 60


class TooManyWishes(Problem):
    """Wait: too many links were wanted from this network address."""

    status = 429
    slug = "too-many-requests"
    title = "Too many links were asked for. Please wait a minute."


def want_link(*, number: str, email: str, asker: str, now: datetime) -> None:
    """Have the link sent, if it is this address's order. Raises TooManyWishes.

    `asker` is a network address. Without Redis nobody counts; then the mails' own limit holds:
    one an hour for each order.
    """
    wishes = courtesy.count(f"links:{asker}", seconds=WINDOW_SECONDS)
    if wishes is not None and wishes > settings.LINKS_PER_MINUTE:
        raise TooManyWishes(retry_after_seconds=WINDOW_SECONDS)
    with transaction.atomic(durable=True):
        outbox.publish(LinkWanted(number, _digest(email), now), now=now)


def is_address_of(order: Order, address_digest: str) -> bool:
    """Whether the digest is of the address that the order was placed with."""
    return constant_time_compare(_digest(order.email), address_digest)


def _digest(email: str) -> str:
    """What a stranger types is nobody's to keep: only its keyed digest is stored."""
    return salted_hmac("orders.links", email.strip().casefold(), algorithm="sha256").hexdigest()
