"""Public ids: their form, and the limit on wrong guesses. Right ones never count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from orders.problems import OrderNotFound
from shop import courtesy
from shop.problems import Problem

PUBLIC_ID_FORM = re.compile(r"[A-Za-z0-9_-]{24}")
WINDOW_SECONDS = 60


class TooManyLookups(Problem):
    """Wait: too many orders were asked for that do not exist."""

    status = 429
    slug = "too-many-requests"
    title = "Too many orders were asked for that do not exist."


def well_formed(public_id: str) -> str:
    """The id, if it can be one of ours. Raises OrderNotFound like an absent one."""
    if not PUBLIC_ID_FORM.fullmatch(public_id):
        raise OrderNotFound
    return public_id


@contextmanager
def counting_misses(address: str) -> Iterator[None]:
    """Answer OrderNotFound for a while, then TooManyLookups, to one network address.

    144 random bits keep guesses out; this keeps guessing from costing us. Shoppers behind the
    same address find their orders all the same.
    """
    try:
        yield
    except OrderNotFound:
        misses = courtesy.count(f"misses:{address}", seconds=WINDOW_SECONDS)
        if misses is not None and misses > settings.LOOKUP_MISSES_PER_MINUTE:
            raise TooManyLookups(retry_after_seconds=WINDOW_SECONDS) from None
        raise
