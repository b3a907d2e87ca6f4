"""What can be bought, at which price, brought by whom. Amounts are integers in minor units."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class Product(models.Model):
    """One good and where its pieces are: free, reserved for unpaid orders, or sold."""

    sku = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=200)
    title_de = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    description_de = models.TextField(blank=True)
    picture = models.CharField(max_length=200, blank=True, help_text="path below static/")
    position = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)
    # Contained in the price. 1900 is 19 %.
    tax_basis_points = models.PositiveIntegerField(default=1900)
    stock_initial = models.PositiveIntegerField(default=0)
    stock_free = models.PositiveIntegerField(default=0)
    stock_reserved = models.PositiveIntegerField(default=0)
    stock_sold = models.PositiveIntegerField(default=0)

    #: Set by the queries of `orders.pricing`: the price in the asked currency.
    price_minor: int

    class Meta:
        ordering = ["position", "sku"]
        constraints = [
            models.CheckConstraint(
                condition=Q(stock_free__gte=0) & Q(stock_reserved__gte=0) & Q(stock_sold__gte=0),
                name="product_stock_is_never_negative",
            ),
            models.CheckConstraint(
                condition=Q(stock_initial=F("stock_free") + F("stock_reserved") + F("stock_sold")),
                name="product_stock_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(tax_basis_points__lte=10_000),
                name="product_tax_is_at_most_the_price",
            ),
        ]

    def __str__(self) -> str:
        return self.sku

    def title_in(self, locale: str) -> str:
        """The title in the shopper's language, English where there is no other."""
        return (locale.startswith("de") and self.title_de) or self.title

    def description_in(self, locale: str) -> str:
        """The description in the shopper's language, English where there is no other."""
        return (locale.startswith("de") and self.description_de) or self.description


class Price(models.Model):
    """What one piece costs in one currency, tax included."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="prices")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["product", "currency"],
                name="product_has_one_price_per_currency",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="price_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} {self.amount_minor} {self.currency}"


class DeliveryOption(models.Model):
    """A way to bring the goods."""

    code = models.SlugField(max_length=32, unique=True)
    title = models.CharField(max_length=100)
    title_de = models.CharField(max_length=100, blank=True)
    position = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)
    tax_basis_points = models.PositiveIntegerField(default=1900)

    #: Set by the queries of `orders.pricing`: the price in the asked currency.
    price_minor: int

    class Meta:
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.code

    def title_in(self, locale: str) -> str:
        """The title in the shopper's language, English where there is no other."""
        return (locale.startswith("de") and self.title_de) or self.title


class DeliveryPrice(models.Model):
    """What one way of delivery costs in one currency, tax included; zero is free."""

    option = models.ForeignKey(DeliveryOption, on_delete=models.CASCADE, related_name="prices")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["option", "currency"],
                name="delivery_has_one_price_per_currency",
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=0),
                name="delivery_price_is_never_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.option_id} {self.amount_minor} {self.currency}"
