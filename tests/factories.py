"""People and things for the tests: goods, baskets and orders as the shop itself makes them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from factory.declarations import LazyAttribute, SelfAttribute, Sequence
from factory.django import DjangoModelFactory

from orders import services
from orders.models import DeliveryOption, DeliveryPrice, Order, Price, Product
from shop.idempotency import Claim


class _Product(DjangoModelFactory[Product]):
    class Meta:
        model = Product

    class Params:
        stock = 100

    sku = Sequence(lambda n: f"good-{n}")
    title = LazyAttribute(lambda good: f"Good {good.sku}")
    title_de = LazyAttribute(lambda good: f"Ware {good.sku}")
    stock_initial = SelfAttribute("stock")
    stock_free = SelfAttribute("stock")


class _Delivery(DjangoModelFactory[DeliveryOption]):
    class Meta:
        model = DeliveryOption

    code = "standard"
    title = "Standard"


def ProductFactory(*, prices: Mapping[str, int] | None = None, **changes: Any) -> Product:
    """A good with stock and a price in euro; `prices={"JPY": 300}` sets others."""
    product = _Product.create(**changes)
    for currency, amount_minor in (prices or {"EUR": 1999}).items():
        Price.objects.create(product=product, currency=currency, amount_minor=amount_minor)
    return product


def DeliveryFactory(*, prices: Mapping[str, int] | None = None, **changes: Any) -> DeliveryOption:
    """A way of delivery for 4.90 euro."""
    option = _Delivery.create(**changes)
    for currency, amount_minor in (prices or {"EUR": 490}).items():
        DeliveryPrice.objects.create(option=option, currency=currency, amount_minor=amount_minor)
    return option


def new_key() -> str:
    """An idempotency key nobody used before."""
    return str(uuid.uuid4())


def place(*lines: tuple[Product, int], **changes: Any) -> Order:
    """An order as the API places it; one piece of a new good when no lines are given."""
    wanted = lines or ((ProductFactory(), 1),)
    wishes = [services.Wish(product.sku, quantity) for product, quantity in wanted]
    asked: dict[str, Any] = {
        "shopper": services.Shopper("ada@example.com"),
        "wishes": wishes,
        "currency": "EUR",
        "delivery": "",
        "claim": Claim("POST /api/v1/orders/", new_key(), "0" * 64),
        "now": timezone.now(),
    }
    return services.place_order(**{**asked, **changes})


def fill_basket(*lines: tuple[Product, int], token: str | None = None) -> str:
    """The token of a browser's basket with these lines."""
    basket = services.open_basket(token)
    for product, quantity in lines:
        services.set_quantity(basket.token, product.sku, quantity)
    return basket.token


def place_basket(token: str, **changes: Any) -> services.Placed:
    """Press "order" on the checkout page of this basket, as it is now."""
    asked: dict[str, Any] = {
        "token": token,
        "version": changes.get("version") or services.view_basket(token).version,
        "shopper": services.Shopper("ada@example.com"),
        "delivery": "",
        "shown_total_minor": None,
        "another": False,
        "now": timezone.now(),
    }
    return services.place_basket(**{**asked, **changes})
