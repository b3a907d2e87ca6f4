"""The refund form: how much, by lines or by amount, why; and what its reader had seen."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from orders.models import Order, OrderLine
from payments.models import Payment, Refund
from payments.models.payment import Role
from shop.desk.refund_lines import Parts, fits, read, sent_back
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


def reason_field() -> forms.ChoiceField:
    """Nothing is chosen beforehand: a reason that nobody chose tells nothing."""
    return forms.ChoiceField(
        choices=[("", "Choose a reason"), *((r, r.capitalize()) for r in REASONS)],
        error_messages={"required": "Choose a reason."},
    )


@dataclass(frozen=True)
class Sending:
    """What the preview shows, its reader confirms, and then leaves."""

    amount_minor: int
    refunded_so_far_minor: int
    reason: str
    note: str
    key: str
    retry: str
    parts: Parts
    tell_shopper: bool


class RefundForm(forms.Form):
    """Checked against the payment as it is now; `sending` is there once it is valid."""

    how = forms.ChoiceField(choices=HOW)
    amount = forms.CharField(max_length=20, required=False, strip=True)
    delivery = forms.BooleanField(required=False)
    reason = reason_field()
    note = forms.CharField(max_length=200, required=False, strip=True)
    tell_shopper = forms.BooleanField(required=False)
    refunded_so_far_minor = forms.IntegerField(min_value=0, max_value=AMOUNT_MINOR_MAX)
    key = forms.RegexField(KEY, max_length=64)
    retry = forms.RegexField(r"^[0-9A-Z]{26}$", required=False)

    def __init__(
        self, data: Any = None, *, payment: Payment, order: Order | None, **more: Any
    ) -> None:
        self.payment = payment
        self.order = order if payment.role == Role.SETTLING else None
        self.lines: list[OrderLine] = list(self.order.lines.all()) if self.order else []
        self.before = sent_back(payment) if self.order else Parts()
        super().__init__(data, **more)
        for line in self.lines:
            left = self.before.left_of(line)
            said = f"{left} of {line.quantity} × {line.title} are left to send back."
            self.fields[f"line-{line.pk}"] = forms.IntegerField(
                min_value=0, max_value=left, required=False, error_messages={"max_value": said}
            )

    @property
    def rows(self) -> list[tuple[OrderLine, forms.BoundField, int]]:
        """Each line of the order with its box, and how many pieces may still go back."""
        return [(line, self[f"line-{line.pk}"], self.before.left_of(line)) for line in self.lines]

    @property
    def sending(self) -> Sending:
        told = self.cleaned_data
        names = ("amount_minor", "refunded_so_far_minor", "reason", "key", "retry", "tell_shopper")
        chosen = self._parts() if told["how"] == LINES else Parts()
        return Sending(note=self._noted(), parts=chosen, **{name: told[name] for name in names})

    def _noted(self) -> str:
        """The note, with the lines that the amount was made of."""
        note: str = self.cleaned_data["note"]
        made_of: list[str] = []
        if self.cleaned_data["how"] == LINES:
            parts = self._parts()
            made_of = [f"{count} × {sku}" for sku, count in parts.pieces.items() if count]
            made_of += ["delivery"] if parts.delivery else []
        # Of one that is tried again the note names them already.
        return "; ".join([*filter(None, [note]), *(p for p in made_of if p not in note)])[:300]

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
        return typed_minor(self.cleaned_data["amount"], self.payment.captured_currency)

    def _lines(self) -> int:
        parts = self._parts()
        if parts.delivery and self.before.delivery:
            raise ValidationError("The delivery was sent back before.")
        return parts.worth_minor(self.order, self.lines) if self.order else 0

    def _parts(self) -> Parts:
        told = {line.sku: self.cleaned_data.get(f"line-{line.pk}") or 0 for line in self.lines}
        return Parts(Counter(told), bool(self.order and self.cleaned_data["delivery"]))


class SendForm(forms.Form):
    """What the preview showed and its reader confirmed; the service checks it under the lock."""

    amount_minor = forms.IntegerField(min_value=1, max_value=AMOUNT_MINOR_MAX)
    refunded_so_far_minor = forms.IntegerField(min_value=0, max_value=AMOUNT_MINOR_MAX)
    reason = reason_field()
    note = forms.CharField(max_length=300, required=False, strip=True)
    parts = forms.JSONField(required=False)
    tell_shopper = forms.BooleanField(required=False)
    key = forms.RegexField(KEY, max_length=64)
    retry = forms.RegexField(r"^[0-9A-Z]{26}$", required=False)

    def __init__(self, data: Any, *, payment: Payment, order: Order | None) -> None:
        self.payment = payment
        self.order = order if payment.role == Role.SETTLING else None
        super().__init__(data)

    @property
    def sending(self) -> Sending:
        return Sending(**self.cleaned_data)

    @property
    def is_stale(self) -> bool:
        """Something was refunded since it was drawn, perhaps by it: the service says which."""
        now_minor = self.payment.refunded_minor + self.payment.refund_pending_minor
        return bool(self.cleaned_data["refunded_so_far_minor"] != now_minor)

    def clean_parts(self) -> Parts:
        """The pieces that the preview showed. Raises ValidationError."""
        try:
            return read(self.cleaned_data["parts"])
        except ValueError:
            raise ValidationError("These are no pieces of the order.") from None

    def clean(self) -> dict[str, Any]:
        told = super().clean() or self.cleaned_data
        if self.errors or self.is_stale or not told["parts"].as_json():
            return told
        before = sent_back(self.payment)
        if not self.order or not fits(told["parts"], before, self.order, told["amount_minor"]):
            raise ValidationError("These pieces were sent back since you looked: choose again.")
        return told


def typed_minor(text: str, currency: str) -> int:
    """An amount as a person types it, in minor units. Raises ValidationError."""
    try:
        amount = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise ValidationError("Write the amount like 12.50.") from None
    minor = amount.scaleb(minor_digits(currency)) if amount.is_finite() else Decimal("0.1")
    if minor != minor.to_integral_value():
        raise ValidationError(f"{currency} has {minor_digits(currency)} decimals.")
    return int(minor)


def fresh_values(payment: Payment, **told: Any) -> dict[str, Any]:
    """What a form is drawn with: everything left, the figures of now, a key for once."""
    left = to_decimal(payment.refundable_minor, payment.captured_currency or payment.currency)
    return {
        "how": ALL,
        "amount": str(left),
        "tell_shopper": True,
        "refunded_so_far_minor": str(payment.refunded_minor + payment.refund_pending_minor),
        "key": secrets.token_urlsafe(24),
        **told,
    }


def values_of_failed(failed: Refund, order: Order | None) -> dict[str, Any]:
    """The failed refund's own values, to be tried again; a reason of the list or none."""
    parts = read(failed.parts)
    known = failed.reason in REASONS
    note = "; ".join(filter(None, ["" if known else failed.reason, failed.note]))
    values: dict[str, Any] = {
        "how": LINES if failed.parts else AMOUNT,
        "amount": str(to_decimal(failed.amount_minor, failed.currency)),
        "retry": failed.reference,
        "reason": failed.reason if known else "",
        "note": note[:200],
        "delivery": parts.delivery,
        "tell_shopper": failed.tell_shopper,
    }
    lines = order.lines.all() if order and failed.parts else ()
    return values | {f"line-{line.pk}": parts.pieces[line.sku] for line in lines}
