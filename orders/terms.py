"""What was agreed when an order was placed: frozen, so that a copy of it never lies."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from datetime import datetime

from orders.models import Order
from orders.problems import OrderNotFound
from shop import courtesy

#: The copy only makes room for others when it goes.
TERMS_SECONDS = 3600


@dataclass(frozen=True)
class Terms:
    """What a payment needs to know of its order. The total is in minor units."""

    number: str
    total_minor: int
    currency: str
    locale: str
    expires_at: datetime


def remember(order: Order) -> Terms:
    """Keep a copy where the next click finds it without a query; call after the commit."""
    terms = Terms(order.number, order.total_minor, order.currency, order.locale, order.expires_at)
    courtesy.put(_name(order.public_id), astuple(terms), seconds=TERMS_SECONDS)
    return terms


def terms_of(public_id: str) -> Terms:
    """The terms, from the copy or by one query. Raises OrderNotFound."""
    copy = courtesy.get(_name(public_id))
    if copy is not None:
        return Terms(*copy)
    order = Order.objects.filter(public_id=public_id).first()
    if order is None:
        raise OrderNotFound
    return remember(order)


def _name(public_id: str) -> str:
    return "order-terms:" + hashlib.sha256(public_id.encode()).hexdigest()
