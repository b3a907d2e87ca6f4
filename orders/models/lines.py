"""What an order contains, frozen, and what that moved in stock, once."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from orders.models.basket import QUANTITY_MAX


class OrderLine(models.Model):
    """A frozen line: a trigger refuses every change."""

    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="lines")
    product = models.ForeignKey("orders.Product", on_delete=models.PROTECT, related_name="+")
    sku = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    quantity = models.PositiveIntegerField()
    unit_price_minor = models.BigIntegerField()
    tax_basis_points = models.PositiveIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["order", "sku"], name="order_has_one_line_per_sku"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=QUANTITY_MAX),
                name="order_line_quantity_is_within_limits",
            ),
            models.CheckConstraint(
                condition=Q(unit_price_minor__gt=0)
                & Q(total_minor=F("unit_price_minor") * F("quantity")),
                name="order_line_total_is_price_times_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"


class StockMovement(models.Model):
    """What a line did to the stock; each kind at most once, whoever repeats the request."""

    class Kind(models.TextChoices):
        """From where to where the pieces went."""

        RESERVE = "reserve"  # free → reserved, at placing
        SELL = "sell"  # reserved → sold, at paid
        RELEASE = "release"  # reserved → free, at cancelled
        RETAKE = "retake"  # free → sold, late money on a cancelled order

    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="movements")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    quantity = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["line", "kind"], name="stock_moves_once_per_line_and_kind"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["reserve", "sell", "release", "retake"]),
                name="stock_movement_kind_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity} for line {self.line_id}"
