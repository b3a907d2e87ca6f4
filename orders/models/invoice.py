"""Invoice and credit notes of a paid order: numbers without gaps, once per order and refund."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class InvoiceCounter(models.Model):
    """The last number given in a series. Its row lock makes numbers gap-free."""

    series = models.CharField(max_length=16, primary_key=True)
    last_number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.series} {self.last_number}"


class Invoice(models.Model):
    """Issued once; a trigger keeps it as it is."""

    series = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    order = models.OneToOneField("orders.Order", on_delete=models.PROTECT, related_name="invoice")
    issued_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["series", "number"], name="invoice_number_is_given_once"
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """As printed: the series and six digits."""
        return f"{self.series}-{self.number:06d}"


class CreditNote(models.Model):
    """What takes back a part of an invoice, once per refund; a trigger keeps it as it is."""

    series = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    refund_reference = models.CharField(max_length=40, unique=True)
    amount_minor = models.BigIntegerField()
    # What earlier notes of this invoice took back: the tax shares then add up to the invoice's.
    credited_before_minor = models.BigIntegerField()
    issued_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["series", "number"], name="credit_note_number_is_given_once"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, credited_before_minor__gte=0),
                name="credit_note_takes_something_back",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """As printed: the series and six digits."""
        return f"{self.series}-{self.number:06d}"
