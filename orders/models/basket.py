"""What a shopper is about to order. Its version names the content that was submitted."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q

QUANTITY_MAX = 99  # A checkout for people; whoever wants more asks the shop.
LINES_MAX = 50  # Bounds the rows that one placing locks.


def new_token() -> str:
    """192 bits that nobody guesses: the basket's cookie is the only way to it."""
    return secrets.token_urlsafe(24)


class Basket(models.Model):
    """One browser's basket. `version` grows with each change of content."""

    token = models.CharField(max_length=40, unique=True, default=new_token)
    version = models.PositiveIntegerField(default=1)
    currency = models.CharField(max_length=3, default="EUR")
    locale = models.CharField(max_length=16, default="en")
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"basket {self.pk} version {self.version}"

    def submission_of(self, version: int) -> str:
        """Names one content for ever: two tabs that submit it make one order."""
        return f"basket:{self.pk}:{version}"


class BasketLine(models.Model):
    """So many pieces of one good."""

    basket = models.ForeignKey(Basket, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey("orders.Product", on_delete=models.CASCADE, related_name="+")
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["basket", "product"], name="basket_has_one_line_per_product"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=QUANTITY_MAX),
                name="basket_quantity_is_within_limits",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of product {self.product_id}"
