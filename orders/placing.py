"""Placing an order: one transaction, whatever the number of lines, and one order per wish.

How a repeat is known: at the API by its idempotency key alone; from pages by the submission
(basket and version, unique in the database, answered at once from Redis) and, for a shopper
who fills the basket again, by the same lines of the same basket while the first may be paid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from orders import pricing
from orders.baskets import take_out
from orders.events import OrderPlaced
from orders.models import Basket, Order, StockMovement
from orders.outcomes import reconcile
from orders.pricing import Quote, Wish
from orders.problems import BasketChanged, TotalChanged
from orders.stock import move_stock
from orders.terms import remember
from payments import services as payments
from shop import courtesy, history, hot, outbox
from shop.idempotency import Claim

#: An honest placing takes milliseconds; a dead one must not hide the basket for longer.
IN_FLIGHT_SECONDS = 30
#: How long a repeated form is answered from Redis; the database answers for ever.
PLACED_SECONDS = 3600


@dataclass(frozen=True)
class Shopper:
    """Who orders and where the goods go."""

    email: str
    locale: str = "en"
    address: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Placed:
    """The order to show. `created` is false when it was there before."""

    order: Order
    created: bool
    same_wish: bool = False  # the shopper ordered the same lines again: ask before another


def place_order(
    *,
    shopper: Shopper,
    wishes: Sequence[Wish],
    currency: str,
    delivery: str,
    claim: Claim,
    now: datetime,
) -> Order:
    """Place an order for a program. Repeats are known by the claim's key alone.

    Raises the claim's KeyInFlight, KeyReused or Replay, and the problems of `orders.pricing`;
    then nothing was written.
    """
    pricing.check_wishes(wishes)
    pricing.check_currency(currency)
    with transaction.atomic(durable=True):
        claim.take(now=now)
        order = _place(shopper, wishes, currency=currency, delivery=delivery, now=now)
        answer = as_api(order, payments_made=[])
        claim.store(201, answer, now=now)
    claim.remember(201, answer)
    remember(order)
    return order


def place_basket(
    *,
    token: str,
    version: int,
    shopper: Shopper,
    delivery: str,
    shown_total_minor: int | None,
    another: bool,
    now: datetime,
) -> Placed:
    """Place what the basket's page showed; two tabs and twenty clicks make one order.

    `another` is the shopper's word that they want the same lines once more. A first order
    with the same lines is shown instead, after its payment was asked about.
    Raises BasketChanged, TotalChanged and the problems of `orders.pricing`.
    """
    name = _in_flight_name(token, version)
    known = courtesy.get(name)
    if known:
        return Placed(Order.objects.get(public_id=known), created=False)
    courtesy.add(name, "", seconds=IN_FLIGHT_SECONDS)
    asked = (token, version, shopper, delivery, shown_total_minor, another)
    try:
        placed = _place_basket(*asked, now=now)
        if placed.same_wish and placed.order.state == Order.State.PAYING:
            payments.refresh_intent(order_reference=placed.order.number, now=now)
            first = reconcile(placed.order.number, source="shopper", now=now)
            # Dead at the gateway now: nothing stands in the way of the new one.
            dead = first.state == Order.State.CANCELLED
            placed = _place_basket(*asked, now=now) if dead else replace(placed, order=first)
    except BaseException:
        courtesy.drop(name)  # the shopper corrects the form and places again
        raise
    if placed.same_wish:
        courtesy.drop(name)  # the shopper may insist: this content is not placed yet
    else:
        courtesy.put(name, placed.order.public_id, seconds=PLACED_SECONDS)
    remember(placed.order)
    return placed


def as_api(order: Order, *, payments_made: list[dict[str, Any]]) -> dict[str, Any]:
    """The order as the API shows it."""
    offered = (
        payments.offered_methods(amount_minor=order.total_minor, currency=order.currency)
        if order.is_payable
        else []
    )
    return {
        "public_id": order.public_id,
        "number": order.number,
        "state": order.state,
        "total_minor": order.total_minor,
        "currency": order.currency,
        "tax_minor": order.tax_minor,
        "delivery_minor": order.delivery_minor,
        "placed_at": _rfc3339(order.placed_at),
        "expires_at": _rfc3339(order.expires_at),
        "payment_methods": [
            {"method": offer.method, "title": offer.title, "gateway": offer.gateway}
            for offer in offered
        ],
        "payments": payments_made,
    }


def _place_basket(
    token: str,
    version: int,
    shopper: Shopper,
    delivery: str,
    shown_total_minor: int | None,
    another: bool,
    *,
    now: datetime,
) -> Placed:
    with transaction.atomic(durable=True):
        basket, wishes = take_out(token)
        submission = basket.submission_of(version)
        fingerprint = _lines_fingerprint(basket, wishes)
        first = _placed_before(submission, fingerprint, another=another)
        if first is not None:
            transaction.set_rollback(True)  # the basket keeps what was not ordered
            return Placed(first, created=False, same_wish=first.submission != submission)
        if basket.version != version or not wishes:
            raise BasketChanged
        order = _place(
            shopper,
            wishes,
            currency=basket.currency,
            delivery=delivery,
            now=now,
            submission=submission,
            lines_fingerprint=fingerprint,
            shown_total_minor=shown_total_minor,
        )
    return Placed(order, created=True)


def _placed_before(submission: str, fingerprint: str, *, another: bool) -> Order | None:
    """The order of this very submission, else the newest one for the same lines."""
    same = Q(submission=submission)
    if not another:
        # One that is being cancelled too: until its payment is dead, money may come for it.
        may_be_paid = (Order.State.UNPAID, Order.State.PAYING)
        same |= Q(lines_fingerprint=fingerprint, state__in=may_be_paid)
    found = sorted(Order.objects.filter(same), key=lambda o: (o.submission == submission, o.pk))
    return found[-1] if found else None


def _place(
    shopper: Shopper,
    wishes: Sequence[Wish],
    *,
    currency: str,
    delivery: str,
    now: datetime,
    submission: str | None = None,
    lines_fingerprint: str = "",
    shown_total_minor: int | None = None,
) -> Order:
    """Lock the stock, freeze prices and lines, reserve the pieces."""
    chosen = pricing.delivery_for(delivery, currency, shopper.locale)
    products = pricing.lock_products((wish.sku for wish in wishes), currency)
    quote = pricing.quote(wishes, products, currency, chosen, shopper.locale)
    if shown_total_minor is not None and shown_total_minor != quote.total_minor:
        raise TotalChanged(total_minor=quote.total_minor, currency=currency)
    pricing.check_stock(wishes, products)
    order = _insert(quote, shopper, submission, lines_fingerprint, now=now)
    move_stock(order.pk, StockMovement.Kind.RESERVE, now=now)
    born = history.step(
        subject="order",
        subject_reference=order.number,
        order_reference=order.number,
        from_state="",
        to_state=order.state,
        source="shopper",
        at=now,
    )
    outbox.publish_beside(born, OrderPlaced(order.number), now=now)
    return order


def _insert(
    quote: Quote,
    shopper: Shopper,
    submission: str | None,
    lines_fingerprint: str,
    *,
    now: datetime,
) -> Order:
    expires_at = now + settings.ORDER_LIFETIME
    order = Order(
        email=shopper.email,
        locale=shopper.locale,
        address=dict(shopper.address),
        currency=quote.currency,
        total_minor=quote.total_minor,
        tax_minor=quote.tax_minor,
        delivery_code=quote.delivery.code,
        delivery_title=quote.delivery.title,
        delivery_minor=quote.delivery.amount_minor,
        submission=submission,
        lines_fingerprint=lines_fingerprint,
        placed_at=now,
        expires_at=expires_at,
        next_close_at=expires_at,
    )
    hot.insert([order])
    for line in quote.lines:
        line.order = order
    hot.insert(quote.lines)
    return order


def _lines_fingerprint(basket: Basket, wishes: Sequence[Wish]) -> str:
    # The caller is the browser's basket: an e-mail address alone opens nobody's order.
    wish = [basket.pk, basket.currency, sorted((w.sku, w.quantity) for w in wishes)]
    return hashlib.sha256(json.dumps(wish).encode()).hexdigest()


def _in_flight_name(token: str, version: int) -> str:
    digest = hashlib.sha256(f"{token}\n{version}".encode()).hexdigest()
    return f"placing:{digest}"


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
