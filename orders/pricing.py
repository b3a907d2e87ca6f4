"""What a wish costs: from the database's prices only, in integer minor units, tax included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db.models import F, QuerySet

from orders.models import DeliveryOption, DeliveryPrice, OrderLine, Product
from orders.models.basket import LINES_MAX, QUANTITY_MAX
from orders.problems import (
    LinesInvalid,
    OutOfStock,
    TotalTooLarge,
    UnknownCurrency,
    UnknownDelivery,
    UnknownProduct,
)
from shop import hot
from shop.money import AMOUNT_MINOR_MAX, included_tax


@dataclass(frozen=True)
class Wish:
    """So many pieces of one good."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class Delivery:
    """A chosen way of delivery at its price in one currency; no code: nothing is brought."""

    code: str = ""
    title: str = ""
    amount_minor: int = 0
    tax_minor: int = 0


NO_DELIVERY = Delivery()
#: Gives rows joined with one currency's price the `price_minor` that their class declares.
PRICED = {"price_minor": F("prices__amount_minor")}


LOCKED = f"""
SELECT {hot.columns(Product, "product")}, price.amount_minor
FROM orders_product product JOIN orders_price price ON price.product_id = product.id
WHERE product.active AND price.currency = %s AND product.sku = ANY(%s)
ORDER BY product.sku FOR NO KEY UPDATE OF product
"""  # noqa: S608 - our own columns  # nosec B608


@dataclass(frozen=True)
class Quote:
    """Priced lines, not saved yet, and their sums with delivery."""

    lines: tuple[OrderLine, ...]
    currency: str
    delivery: Delivery
    goods_minor: int
    total_minor: int
    tax_minor: int


def check_wishes(wishes: Sequence[Wish]) -> None:
    """Refuse what no shop page sends. Raises LinesInvalid."""
    if not 1 <= len(wishes) <= LINES_MAX:
        raise LinesInvalid(f"An order has 1 to {LINES_MAX} lines.")
    if len({wish.sku for wish in wishes}) != len(wishes):
        raise LinesInvalid("Each product stands in one line.")
    for wish in wishes:
        if type(wish.quantity) is not int or not 1 <= wish.quantity <= QUANTITY_MAX:
            raise LinesInvalid(f"A quantity is a whole number from 1 to {QUANTITY_MAX}.")


def check_currency(currency: str) -> str:
    """The currency, if the shop sells in it. Raises UnknownCurrency."""
    if currency not in settings.CURRENCIES:
        raise UnknownCurrency
    return currency


def products_on_sale(currency: str) -> list[Product]:
    """The catalogue in one currency, each product with its `price_minor`."""
    return list(_priced(currency))


def find_products(skus: Iterable[str], currency: str) -> dict[str, Product]:
    """Priced products by sku, as they are now; unknown ones are absent."""
    return {product.sku: product for product in _priced(currency).filter(sku__in=list(skus))}


def lock_products(skus: Iterable[str], currency: str) -> dict[str, Product]:
    """Priced products by sku, their stock locked in sku order until the transaction ends."""
    # Keeps out every other order for the same goods; baskets may still refer to them.
    found = hot.rows(LOCKED, [currency, list(skus)], Product)
    for product, price_minor in found:
        product.price_minor = price_minor
    return {product.sku: product for product, _ in found}


def quote(
    wishes: Sequence[Wish],
    products: dict[str, Product],
    currency: str,
    delivery: Delivery,
    locale: str,
) -> Quote:
    """Price the wishes. Raises UnknownProduct or TotalTooLarge."""
    lines = tuple(_line(wish, products, locale) for wish in wishes)
    goods = sum(line.total_minor for line in lines)
    total = goods + delivery.amount_minor
    if total > AMOUNT_MINOR_MAX:
        raise TotalTooLarge
    tax = sum(line.tax_minor for line in lines) + delivery.tax_minor
    return Quote(lines, currency, delivery, goods, total, tax)


def check_stock(wishes: Sequence[Wish], products: dict[str, Product]) -> None:
    """Refuse what is not there now. Raises OutOfStock naming the first short sku."""
    for wish in wishes:
        free = products[wish.sku].stock_free
        if free < wish.quantity:
            raise OutOfStock(
                f"Only {free} left of {wish.sku}." if free else f"{wish.sku} is sold out.",
                sku=wish.sku,
                available=free,
            )


def delivery_for(code: str, currency: str, locale: str) -> Delivery:
    """The chosen delivery at its price; an empty code brings nothing. Raises UnknownDelivery."""
    if not code:
        return NO_DELIVERY
    price = (
        DeliveryPrice.objects.select_related("option")
        .filter(option__code=code, option__active=True, currency=currency)
        .first()
    )
    if price is None:
        raise UnknownDelivery
    return _delivery(price.option, price.amount_minor, locale)


def deliveries_offered(currency: str, locale: str) -> list[Delivery]:
    """Every delivery option that has a price in this currency."""
    options = DeliveryOption.objects.filter(active=True, prices__currency=currency)
    return [_delivery(option, option.price_minor, locale) for option in options.annotate(**PRICED)]


def _priced(currency: str) -> QuerySet[Product]:
    return Product.objects.filter(active=True, prices__currency=currency).annotate(**PRICED)


def _line(wish: Wish, products: dict[str, Product], locale: str) -> OrderLine:
    product = products.get(wish.sku)
    if product is None:
        raise UnknownProduct(f"There is no product {wish.sku!r} here.", sku=wish.sku)
    price = product.price_minor
    total = price * wish.quantity
    return OrderLine(
        product=product,
        sku=product.sku,
        title=product.title_in(locale),
        quantity=wish.quantity,
        unit_price_minor=price,
        tax_basis_points=product.tax_basis_points,
        tax_minor=included_tax(total, Decimal(product.tax_basis_points) / 100),
        total_minor=total,
    )


def _delivery(option: DeliveryOption, amount_minor: int, locale: str) -> Delivery:
    return Delivery(
        code=option.code,
        title=option.title_in(locale),
        amount_minor=amount_minor,
        tax_minor=included_tax(amount_minor, Decimal(option.tax_basis_points) / 100),
    )
