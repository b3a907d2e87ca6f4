"""The refund form: how much, by lines or by amount, why; and what its reader had seen."""

from __future__ import annotations

import secrets
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from orders.models import Order, OrderLine
from payments.models import Payment
from payments.models.payment import Role
from shop.idempotency import KEY_FORM
from shop.money import AMOUNT_MINOR_MAX, format_money, minor_digits, to_decimal

REASONS = (
    "goods returned",
    "goods damaged",
    "goods not delivered",
    "paid twice",
    "ordered by mistake",
    "goodwill",
    "other",
)
KEY = rf"^(?:{KEY_FORM.pattern})$"
ALL, AMOUNT, LINES = "all", "amount", "lines"
HOW = [(ALL, "Everything that is left"), (AMOUNT, "An amount"), (LINES, "Lines of the order")]


class RefundForm(forms.Form):
    """Checked against the payment as it is now; `amount_minor` is there once it is valid."""

    how = forms.ChoiceField(choices=HOW)
    amount = forms.CharField(max_length=20, required=False, strip=True)
    delivery = forms.BooleanField(required=False)
    reason = forms.ChoiceField(choices=[(r, r.capitalize()) for r in REASONS])
    note = forms.CharField(max_length=200, required=False, strip=True)
    refunded_so_far_minor = forms.IntegerField(min_value=0, max_value=AMOUNT_MINOR_MAX)
    key = forms.RegexField(KEY, max_length=64)
    retry = forms.RegexField(r"^[0-9A-Z]{26}$", required=False)

    def __init__(
        self, data: Any = None, *, payment: Payment, order: Order | None, **more: Any
    ) -> None:
        self.payment = payment
        self.order = order if payment.role == Role.SETTLING else None
        self.lines: list[OrderLine] = list(self.order.lines.all()) if self.order else []
        super().__init__(data, **more)
        for line in self.lines:
            self.fields[f"line-{line.pk}"] = forms.IntegerField(
                min_value=0, max_value=line.quantity, required=False
            )

    @property
    def rows(self) -> list[tuple[OrderLine, forms.BoundField]]:
        """Each line of the order with its box."""
        return [(line, self[f"line-{line.pk}"]) for line in self.lines]

    @property
    def amount_minor(self) -> int:
        return int(self.cleaned_data["amount_minor"])

    @property
    def noted(self) -> str:
        """The note, with the lines that the amount was made of."""
        parts = [self.cleaned_data["note"]]
        if self.cleaned_data["how"] == LINES:
            parts += [f"{self._pieces(line)} × {line.sku}" for line in self.lines]
            parts += ["delivery"] if self.cleaned_data["delivery"] else []
        return "; ".join(p for p in parts if p and not p.startswith("0 ×"))[:300]

    def clean(self) -> dict[str, Any]:
        told = super().clean() or self.cleaned_data
        ways = {ALL: lambda: self.payment.refundable_minor, AMOUNT: self._typed, LINES: self._lines}
        if self.errors:
            return told
        amount_minor = ways[told["how"]]()
        if not 0 < amount_minor <= self.payment.refundable_minor:
            left = format_money(self.payment.refundable_minor, self.payment.captured_currency)
            raise ValidationError(f"Between nothing and {left}, which is what is left.")
        if told["reason"] == "other" and not told["note"]:
            raise ValidationError("Say in the note what the other reason is.")
        return {**told, "amount_minor": amount_minor}

    def _typed(self) -> int:
        currency = self.payment.captured_currency
        try:
            amount = Decimal(self.cleaned_data["amount"].replace(",", "."))
        except InvalidOperation:
            raise ValidationError("Write the amount like 12.50.") from None
        minor = amount.scaleb(minor_digits(currency)) if amount.is_finite() else Decimal("0.1")
        if minor != minor.to_integral_value():
            raise ValidationError(f"{currency} has {minor_digits(currency)} decimals.")
        return int(minor)

    def _lines(self) -> int:
        total = sum(self._pieces(line) * line.unit_price_minor for line in self.lines)
        if self.order and self.cleaned_data["delivery"]:
            total += self.order.delivery_minor
        return total

    def _pieces(self, line: OrderLine) -> int:
        return self.cleaned_data.get(f"line-{line.pk}") or 0


class SendForm(forms.Form):
    """What the preview showed and its reader confirmed; the service checks it under the lock."""

    amount_minor = forms.IntegerField(min_value=1, max_value=AMOUNT_MINOR_MAX)
    refunded_so_far_minor = forms.IntegerField(min_value=0, max_value=AMOUNT_MINOR_MAX)
    reason = forms.ChoiceField(choices=[(r, r.capitalize()) for r in REASONS])
    note = forms.CharField(max_length=300, required=False, strip=True)
    key = forms.RegexField(KEY, max_length=64)
    retry = forms.RegexField(r"^[0-9A-Z]{26}$", required=False)


def fresh_values(payment: Payment, **told: str) -> dict[str, str]:
    """What a form is drawn with: everything left, the figures of now, a key for once."""
    left = to_decimal(payment.refundable_minor, payment.captured_currency or payment.currency)
    return {
        "how": ALL,
        "amount": str(left),
        "refunded_so_far_minor": str(payment.refunded_minor + payment.refund_pending_minor),
        "key": secrets.token_urlsafe(24),
        **told,
    }
