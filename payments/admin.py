"""Staff look at payments here. Nothing moves here: payments move by the funnel only."""

from datetime import UTC

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from payments.models import Notification, Payment, PaymentIntent, Refund, ReviewCase
from payments.timeline import timeline
from shop.money import format_money
from shop.readonly import ReadOnlyAdmin


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin[Payment]):
    """Found by any of its references, each of them indexed."""

    list_display = ("reference", "owed_by", "gateway", "method", "state", "amount", "created_at")
    list_filter = ("state",)
    list_select_related = ("intent",)
    search_fields = (
        "reference__exact",
        "intent__order_reference__exact",
        "gateway_order_id__exact",
        "gateway_transaction_id__exact",
    )
    search_help_text = "Payment, order or gateway reference, in full"
    fields = (
        ("owed_by", "state", "role"),
        ("gateway", "method", "amount"),
        ("captured", "refunded", "pending", "balance"),
        ("gateway_order_id", "gateway_transaction_id"),
        ("created_at", "expires_at", "captured_at", "ended_at"),
        ("send_count", "poll_count", "next_poll_at", "last_error"),
        "history",
    )
    readonly_fields = ("owed_by", "amount", "captured", "refunded", "pending", "balance", "history")

    @admin.display(description="order")
    def owed_by(self, payment: Payment) -> SafeString:
        """Leads to the desk's page of the order, where staff act."""
        number = payment.intent.order_reference
        return format_html('<a href="{}">{}</a>', reverse("desk:order", args=[number]), number)

    @admin.display(description="amount")
    def amount(self, payment: Payment) -> str:
        return format_money(payment.amount_minor, payment.currency)

    @admin.display(description="captured")
    def captured(self, payment: Payment) -> str:
        return _captured_money(payment, payment.captured_minor)

    @admin.display(description="refunded")
    def refunded(self, payment: Payment) -> str:
        return _captured_money(payment, payment.refunded_minor)

    @admin.display(description="on its way back")
    def pending(self, payment: Payment) -> str:
        return _captured_money(payment, payment.refund_pending_minor)

    @admin.display(description="balance")
    def balance(self, payment: Payment) -> str:
        return _captured_money(payment, payment.captured_minor - payment.refunded_minor)

    @admin.display(description="what happened")
    def history(self, payment: Payment) -> SafeString:
        """One line of time for the whole order, in UTC and in local time."""
        rows = format_html_join(
            "",
            "<tr><td>{} UTC</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (
                    f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                    f"{timezone.localtime(entry.at):%H:%M:%S %Z}",
                    entry.subject,
                    entry.event,
                    entry.detail,
                )
                for entry in timeline(payment.intent.order_reference)
            ),
        )
        return format_html("<table>{}</table>", rows)


def _captured_money(payment: Payment, amount_minor: int) -> str:
    return format_money(amount_minor, payment.captured_currency or payment.currency)


@admin.register(PaymentIntent)
class PaymentIntentAdmin(ReadOnlyAdmin[PaymentIntent]):
    """What each order reference owes."""

    list_display = ("order_reference", "amount_minor", "currency", "created_at", "closed_at")
    search_fields = ("order_reference__exact",)


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin[Refund]):
    """Money on its way back."""

    list_display = ("reference", "payment", "kind", "state", "amount", "created_at", "done_at")
    list_filter = ("state", "kind")
    list_select_related = ("payment",)
    search_fields = ("reference__exact", "payment__reference__exact", "gateway_refund_id__exact")

    @admin.display(description="amount")
    def amount(self, refund: Refund) -> str:
        return format_money(refund.amount_minor, refund.currency)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin[Notification]):
    """What gateways sent, as it came."""

    list_display = ("notification_id", "gateway", "kind", "reference", "received_at", "result")
    list_filter = (("processed_at", admin.EmptyFieldListFilter),)
    search_fields = ("notification_id__exact", "reference__exact", "refund_reference__exact")
    readonly_fields = ("as_it_came",)
    exclude = ("body",)

    @admin.display(description="body")
    def as_it_came(self, notification: Notification) -> str:
        return bytes(notification.body).decode(errors="replace")


@admin.register(ReviewCase)
class ReviewCaseAdmin(ReadOnlyAdmin[ReviewCase]):
    """The number to keep at zero."""

    list_display = ("kind", "subject", "order_reference", "opened_at", "resolved_at")
    list_filter = ("kind", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("subject__exact", "order_reference__exact")
