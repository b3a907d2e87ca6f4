"""The basket: what a browser is about to order. Every change of content grows its version."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from orders import pricing
from orders.models import Basket, BasketLine, Order
from orders.models.basket import LINES_MAX, QUANTITY_MAX
from orders.pricing import Delivery, Quote, Wish
from orders.problems import BasketChanged, LinesInvalid, UnknownProduct

# The first statement takes the lock; the second then reads what nobody else changes.
NEXT_VERSION = """
UPDATE orders_basket SET version = version + 1 WHERE token = %s
RETURNING id, token, version - 1, currency, locale
"""
TAKE_LINES = """
DELETE FROM orders_basketline line USING orders_product product
WHERE line.basket_id = %s AND product.id = line.product_id
RETURNING line.id, product.sku, line.quantity
"""


@dataclass(frozen=True)
class BasketView:
    """The basket as a page shows it, priced now; `short` names goods with too few pieces."""

    token: str
    version: int
    currency: str
    quote: Quote
    short: dict[str, int]  # sku -> pieces that are left
    gone: tuple[str, ...]  # skus no longer sold in this currency

    @property
    def is_empty(self) -> bool:
        return not self.quote.lines

    @property
    def can_be_ordered(self) -> bool:
        return not (self.is_empty or self.short or self.gone)


def open_basket(token: str | None, *, locale: str = "en") -> Basket:
    """The browser's basket, a new one when it has none (its token goes into a cookie)."""
    found = Basket.objects.filter(token=token).first() if token else None
    return found or Basket.objects.create(currency=settings.DEFAULT_CURRENCY, locale=locale)


def view_basket(token: str | None, *, delivery: str = "", locale: str = "en") -> BasketView:
    """Price the basket as it is now; an unknown token shows an empty one. Writes nothing."""
    basket = Basket.objects.filter(token=token).first() if token else None
    if basket is None:
        basket = Basket(token="", version=0, currency=settings.DEFAULT_CURRENCY)
    wishes = _wishes(basket) if basket.pk else []
    on_sale = pricing.find_products((wish.sku for wish in wishes), basket.currency)
    known = [wish for wish in wishes if wish.sku in on_sale]
    chosen = pricing.delivery_for(delivery, basket.currency, locale)
    return BasketView(
        token=basket.token,
        version=basket.version,
        currency=basket.currency,
        quote=pricing.quote(known, on_sale, basket.currency, chosen, locale),
        short={
            wish.sku: on_sale[wish.sku].stock_free
            for wish in known
            if on_sale[wish.sku].stock_free < wish.quantity
        },
        gone=tuple(wish.sku for wish in wishes if wish.sku not in on_sale),
    )


def deliveries(token: str | None, *, locale: str = "en") -> list[Delivery]:
    """The delivery options in the basket's currency, with their prices."""
    basket = Basket.objects.filter(token=token).first() if token else None
    currency = basket.currency if basket else settings.DEFAULT_CURRENCY
    return pricing.deliveries_offered(currency, locale)


def add_to_basket(token: str, sku: str, quantity: int) -> None:
    """Put so many more pieces in, up to the largest quantity. Raises UnknownProduct."""
    if type(quantity) is not int or quantity < 1:
        raise LinesInvalid(f"A quantity is a whole number from 1 to {QUANTITY_MAX}.")
    with transaction.atomic():
        basket, wishes = lock_basket(token)
        there = {wish.sku: wish.quantity for wish in wishes}
        _write(basket, there, sku, min(there.get(sku, 0) + quantity, QUANTITY_MAX))


def set_quantity(token: str, sku: str, quantity: int) -> None:
    """Have exactly so many pieces in; zero takes the line out. Raises UnknownProduct."""
    with transaction.atomic():
        basket, wishes = lock_basket(token)
        _write(basket, {wish.sku: wish.quantity for wish in wishes}, sku, quantity)


def set_currency(token: str, currency: str) -> None:
    """Show and order in another currency. Raises UnknownCurrency."""
    pricing.check_currency(currency)
    Basket.objects.filter(token=token).exclude(currency=currency).update(
        currency=currency, version=F("version") + 1
    )


def refill_basket(token: str, order: Order) -> None:
    """Put a closed order's lines back in, for another try; what is no longer sold stays out."""
    for line in order.lines.all():
        try:
            set_quantity(token, line.sku, line.quantity)
        except UnknownProduct:
            continue


def lock_basket(token: str) -> tuple[Basket, list[Wish]]:
    """The basket, locked until the transaction ends, and its lines. Raises BasketChanged."""
    # Keeps out the same browser's other tab; the lines are read only after that.
    basket = Basket.objects.select_for_update().filter(token=token).first()
    if basket is None:
        raise BasketChanged
    return basket, _wishes(basket)


def take_out(token: str) -> tuple[Basket, list[Wish]]:
    """Lock the basket and take everything out; a rollback leaves it as it was.

    The basket returned is the one that was full. Raises BasketChanged.
    """
    # Keeps out every other placing of the same browser until we commit.
    with connection.cursor() as cursor:
        cursor.execute(NEXT_VERSION, [token])
        row = cursor.fetchone()
        if row is None:
            raise BasketChanged
        basket = Basket(id=row[0], token=row[1], version=row[2], currency=row[3], locale=row[4])
        cursor.execute(TAKE_LINES, [basket.pk])
        lines = sorted(cursor.fetchall())
    return basket, [Wish(sku, quantity) for _, sku, quantity in lines]


def _wishes(basket: Basket) -> list[Wish]:
    rows = basket.lines.values_list("product__sku", "quantity")
    return [Wish(sku, quantity) for sku, quantity in rows]


def _write(basket: Basket, there: dict[str, int], sku: str, quantity: int) -> None:
    if type(quantity) is not int or not 0 <= quantity <= QUANTITY_MAX:
        raise LinesInvalid(f"A quantity is a whole number from 0 to {QUANTITY_MAX}.")
    if sku not in there and len(there) >= LINES_MAX:
        raise LinesInvalid(f"A basket has at most {LINES_MAX} lines.")
    product = pricing.find_products([sku], basket.currency).get(sku)
    if quantity and product is None:
        raise UnknownProduct
    if not quantity:
        BasketLine.objects.filter(basket=basket, product__sku=sku).delete()
    else:
        BasketLine.objects.update_or_create(
            basket=basket, product=product, defaults={"quantity": quantity}
        )
    basket.version += 1
    basket.save(update_fields=["version", "changed_at"])
