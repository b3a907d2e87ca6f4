"""Staff look at orders here; nothing is changed here: orders move by their services only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from orders.models import (
    CreditNote,
    DeliveryOption,
    DeliveryPrice,
    Invoice,
    Mail,
    Order,
    OrderLine,
    Price,
    Product,
    StockMovement,
)
from shop.models import StateChange
from shop.money import format_money
from shop.readonly import ReadOnlyAdmin


class LineInline(admin.TabularInline):  # type: ignore[type-arg]
    """The frozen lines."""

    model = OrderLine
    extra = 0
    can_delete = False
    fields = ("sku", "title", "quantity", "unit_price_minor", "total_minor", "tax_minor")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin[Order]):
    """Found by number, public id or e-mail, in full: each is indexed or unique."""

    list_display = ("number", "story", "state", "total", "email", "placed_at", "paid_at")
    list_filter = ("state",)
    search_fields = ("number__exact", "public_id__exact", "email__iexact")
    search_help_text = "Order number, public id or e-mail address, in full"
    inlines = (LineInline,)
    readonly_fields = ("story", "total", "history")

    def get_fields(self, request: HttpRequest, obj: Order | None = None) -> list[Any]:
        """The way to the desk first: there it is told, and there staff act."""
        return ["story", *(name for name in super().get_fields(request, obj) if name != "story")]

    @admin.display(description="what happened")
    def story(self, order: Order) -> SafeString:
        """Leads to the desk's page of the order."""
        where = reverse("desk:order", args=[order.number])
        return format_html('<a href="{}">What happened to {}?</a>', where, order.number)

    @admin.display(description="total")
    def total(self, order: Order) -> str:
        """In the order's currency."""
        return format_money(order.total_minor, order.currency)

    @admin.display(description="history")
    def history(self, order: Order) -> SafeString:
        """Every step of the order, its payments and its refunds."""
        steps = StateChange.objects.filter(order_reference=order.number).order_by("id")
        return format_html_join(
            "",
            "<div>{} UTC {}: {} → {} ({})</div>",
            (
                (
                    f"{s.at:%Y-%m-%d %H:%M:%S}",
                    s.subject,
                    s.from_state,
                    s.to_state,
                    ", ".join(filter(None, (s.source, s.actor, s.reason))),
                )
                for s in steps
            ),
        )


class PriceInline(admin.TabularInline):  # type: ignore[type-arg]
    """One price per currency."""

    model = Price
    extra = 0


class DeliveryPriceInline(admin.TabularInline):  # type: ignore[type-arg]
    """One price per currency."""

    model = DeliveryPrice
    extra = 0


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Words and prices may change; stock moves with orders only."""

    list_display = ("sku", "title", "stock_free", "stock_reserved", "stock_sold", "active")
    readonly_fields = ("stock_initial", "stock_free", "stock_reserved", "stock_sold")
    search_fields = ("sku", "title")
    inlines = (PriceInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DeliveryOption)
class DeliveryOptionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """How goods are brought."""

    list_display = ("code", "title", "active")
    inlines = (DeliveryPriceInline,)


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin[Invoice]):
    """Numbers without gaps."""

    list_display = ("label", "order", "issued_at")
    search_fields = ("number__exact", "order__number__exact")
    list_select_related = ("order",)


@admin.register(CreditNote)
class CreditNoteAdmin(ReadOnlyAdmin[CreditNote]):
    """What refunds took back of invoices."""

    list_display = ("label", "invoice", "refund_reference", "amount_minor", "issued_at")
    search_fields = ("number__exact", "refund_reference__exact", "invoice__order__number__exact")
    list_select_related = ("invoice",)


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin[Mail]):
    """What was written to shoppers, and what has not gone out yet and why."""

    list_display = ("order", "kind", "created_at", "sent_at", "tries", "next_try_at", "last_error")
    list_filter = ("kind",)
    search_fields = ("order__number__exact", "message_id__exact")
    list_select_related = ("order",)


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin[StockMovement]):
    """What every line did to the stock."""

    list_display = ("line", "kind", "quantity", "at")
    list_filter = ("kind",)
    list_select_related = ("line",)
