"""Whose order is it? One box takes every name that a thing has, each look-up by an index.

Names that are one thing's own are tried first; a mail address or an amount may have many
orders, which come page by page, newest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Upper
from django.urls import reverse

from orders.models import Invoice, Order
from orders.models.invoice import CreditNote
from payments import registry
from payments.models import Notification, Payment, Refund
from shop.desk.paging import ROWS_PER_PAGE
from shop.models import IdempotencyKey
from shop.money import AMOUNT_MINOR_MAX, minor_digits

#: Longer than any name of ours or of a gateway.
TEXT_MAX = 140
INVOICE = re.compile(r"(?:([A-Z]{2,4})-?)?0*([1-9]\d{0,8})", re.IGNORECASE)
AMOUNT = re.compile(
    r"(?:([A-Z]{3}) ?)?(\d{1,12})(?:[.,](\d{1,3}))?(?: ?([A-Z]{3}))?", re.IGNORECASE
)
PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{24}")


@dataclass(frozen=True)
class Hit:
    """An order, and what of it has the name that was looked for."""

    number: str
    what: str
    anchor: str = ""

    @property
    def address(self) -> str:
        """The order's page, at the thing that was found."""
        where = reverse("desk:order", args=[self.number])
        return f"{where}#{self.anchor}" if self.anchor else where

    @property
    def name(self) -> str:
        return self.number


@dataclass(frozen=True)
class Stray:
    """A notification that belongs to no order of ours: parked, or an orphan."""

    pk: int
    name: str
    what: str = "its id: a notification that names no payment of ours"

    @property
    def address(self) -> str:
        return reverse("admin:payments_notification_change", args=[self.pk])


def exact_hits(text: str) -> list[Hit]:
    """Every order that owns something of exactly this name; one hit for each."""
    if not text or len(text) > TEXT_MAX:
        return []
    looks = (_orders, _payments, _refunds, _notifications, _invoices, _keys)
    found: dict[str, Hit] = {}
    for look in looks:
        for hit in look(text):
            if hit.number:
                found.setdefault(hit.number, hit)
    return list(found.values())


def listed_orders(text: str, before: int | None = None) -> QuerySet[Order] | None:
    """Orders of a mail address or of an amount, for a page of those older than `before`.

    None when the text is neither.
    """
    if len(text) > TEXT_MAX:
        return None
    if "@" in text:
        return Order.objects.alias(mail=Upper("email")).filter(mail=text.upper())
    amounts = amounts_meant(text)
    return Order.objects.filter(pk__in=_newest_ids(amounts, before)) if amounts else None


def _newest_ids(amounts: list[tuple[int, str]], before: int | None) -> list[int]:
    """A page's worth of each currency, each from its own range of the index: one statement."""
    older = Order.objects.all() if before is None else Order.objects.filter(pk__lt=before)
    parts = [
        older.filter(total_minor=minor, currency=currency)
        .order_by("-pk")
        .values_list("pk", flat=True)[: ROWS_PER_PAGE + 1]
        for minor, currency in amounts
    ]
    return list(parts[0].union(*parts[1:], all=True))


def amounts_meant(text: str) -> list[tuple[int, str]]:
    """`68.99` in every currency of the shop, `68.99 EUR` or `EUR 68.99` in one; minor units."""
    told = AMOUNT.fullmatch(text)
    if told is None:
        return []
    before, whole, fraction, after = told.groups(default="")
    named = (before or after).upper()
    if before and after:
        return []
    meant = []
    for currency in settings.CURRENCIES:
        digits = minor_digits(currency)
        if named in ("", currency) and len(fraction) <= digits:
            minor = int(Decimal(f"{whole}.{fraction or 0}").scaleb(digits))
            if 0 < minor <= AMOUNT_MINOR_MAX:
                meant.append((minor, currency))
    return meant


def _orders(text: str) -> Iterator[Hit]:
    for order in Order.objects.filter(number=text.upper()[:20]).only("number"):
        yield Hit(order.number, "order number")
    if PUBLIC_ID.fullmatch(text):
        for order in Order.objects.filter(public_id=text).only("number"):
            yield Hit(order.number, "public id")


def _payments(text: str) -> Iterator[Hit]:
    rows = Payment.objects.select_related("intent")
    gateways = registry.configured()
    for what, found in (
        ("payment", rows.filter(reference=text.upper())),
        ("the gateway's payment", rows.filter(gateway__in=gateways, gateway_order_id=text)),
        (
            "the gateway's transaction",
            rows.filter(gateway__in=gateways, gateway_transaction_id=text),
        ),
    ):
        for payment in found:
            yield Hit(payment.intent.order_reference, what, f"payment-{payment.reference}")


def _refunds(text: str) -> Iterator[Hit]:
    rows = Refund.objects.select_related("payment__intent")
    for what, found in (
        ("refund", rows.filter(reference=text.upper())),
        ("the gateway's refund", rows.filter(gateway_refund_id=text).exclude(gateway_refund_id="")),
    ):
        for refund in found[:TEXT_MAX]:
            number = refund.payment.intent.order_reference
            yield Hit(number, what, f"refund-{refund.reference}")


def _notifications(text: str) -> Iterator[Hit]:
    told = Notification.objects.filter(gateway__in=registry.configured(), notification_id=text)
    for reference, refund in told.values_list("reference", "refund_reference"):
        for hit in (*_payments(reference or refund), *_refunds(refund)):
            yield Hit(hit.number, "notification", hit.anchor)


def strays(text: str) -> list[Stray]:
    """Notifications of exactly this id that lead to no order."""
    if not text or len(text) > TEXT_MAX:
        return []
    told = Notification.objects.filter(gateway__in=registry.configured(), notification_id=text)
    return [Stray(pk, name) for pk, name in told.values_list("pk", "notification_id")]


def _invoices(text: str) -> Iterator[Hit]:
    told = INVOICE.fullmatch(text)
    if told is None:
        return
    series, number = (told[1] or "INV").upper(), int(told[2])
    for paper in Invoice.objects.select_related("order").filter(series=series, number=number):
        yield Hit(paper.order.number, "invoice")
    notes = CreditNote.objects.select_related("invoice__order")
    for note in notes.filter(series=series, number=number):
        yield Hit(note.invoice.order.number, "credit note", f"refund-{note.refund_reference}")


def _keys(text: str) -> Iterator[Hit]:
    for known in IdempotencyKey.objects.filter(key=text)[:TEXT_MAX]:
        body = known.body if isinstance(known.body, dict) else {}
        # The answer names what the key made; the operation's path names whose it was.
        names = [body.get("public_id"), body.get("reference"), *known.scope.split("/")]
        for name in filter(None, names):
            for hit in (*_orders(name), *_payments(name), *_refunds(name)):
                yield Hit(hit.number, "idempotency key", hit.anchor)
