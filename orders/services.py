"""Orders' own door: what pages, API, tasks and commands may do with an order.

No function here calls payments' door inside a transaction or with an order's lock held; the
two that join one say so. The lock order is always intent, order, stock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings

from orders.baskets import (
    BasketView,
    add_to_basket,
    deliveries,
    open_basket,
    refill_basket,
    set_currency,
    set_quantity,
    view_basket,
)
from orders.closing import as_answer, cancel_order
from orders.models import Order
from orders.outcomes import reconcile
from orders.placing import Placed, Shopper, as_api, place_basket, place_order
from orders.pricing import Wish, products_on_sale
from orders.problems import OrderAlreadyPaid, OrderClosed, OrderNotFound
from orders.sweeps import expire_unpaid_orders, refresh_paying_orders
from orders.terms import terms_of
from payments import services as payments
from shop.idempotency import Claim

__all__ = [
    "BasketView",
    "Placed",
    "Shopper",
    "Wish",
    "add_to_basket",
    "as_answer",
    "as_api",
    "cancel_order",
    "check_order",
    "deliveries",
    "expire_unpaid_orders",
    "find_order",
    "open_basket",
    "pay_order",
    "place_basket",
    "place_order",
    "products_on_sale",
    "reconcile",
    "refill_basket",
    "refresh_paying_orders",
    "set_currency",
    "set_quantity",
    "show_order",
    "view_basket",
]


def find_order(public_id: str) -> Order:
    """The order with its lines ready. Raises OrderNotFound."""
    order = Order.objects.filter(public_id=public_id).first()
    if order is None:
        raise OrderNotFound
    return order


def show_order(public_id: str) -> dict[str, object]:
    """The order as the API shows it, with every payment. Raises OrderNotFound."""
    order = find_order(public_id)
    made = payments.list_payments(order_reference=order.number)
    return as_api(order, payments_made=[payment.as_api() for payment in made])


def pay_order(
    *,
    public_id: str,
    method: str,
    claim: Claim | None,
    now: datetime,
    device: str = "desktop",
    payer: Mapping[str, str] | None = None,
) -> payments.Started:
    """Open a payment, or get the one that is live. Amount and currency are the order's own.

    Raises OrderNotFound, OrderClosed, OrderAlreadyPaid and the problems of payments' door.
    """
    terms = terms_of(public_id)
    if now >= terms.expires_at:
        _refuse_expired(find_order(public_id))
    return payments.start_payment(
        order_reference=terms.number,
        amount_minor=terms.total_minor,
        currency=terms.currency,
        method=method,
        subject=f"Order {terms.number}",
        return_url=f"{settings.SHOP_URL}/orders/{public_id}/back/",
        locale=terms.locale,
        device=device,
        payer=payer,
        claim=claim,
        now=now,
    )


def check_order(*, public_id: str, now: datetime) -> Order:
    """The shopper says "I have paid": ask the gateway now. Raises OrderNotFound."""
    order = find_order(public_id)
    if order.state in (Order.State.PAID, Order.State.REFUNDED):
        return order
    payments.refresh_intent(order_reference=order.number, now=now)
    checked = reconcile(order.number, source="shopper", now=now)
    if checked.is_open:
        payments.shopper_says_paid(order_reference=order.number, now=now)
    return checked


def _refuse_expired(order: Order) -> None:
    if order.state in (Order.State.PAID, Order.State.REFUNDED):
        raise OrderAlreadyPaid
    raise OrderClosed
