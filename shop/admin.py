"""Staff accounts, and the ground's own tables to look at."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shop.models import OutboxMessage, StaffAction, User
from shop.readonly import ReadOnlyAdmin


@admin.register(User)
class StaffAdmin(UserAdmin):  # type: ignore[type-arg]
    """Who is staff keeps the name: refunds and their history, and four eyes, go by it."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if obj is None else [*fixed, "username"]


@admin.register(StaffAction)
class StaffActionAdmin(ReadOnlyAdmin[StaffAction]):
    """What staff did that moved no state: exports, sign-offs, replays, questions."""

    list_display = ("at", "actor", "action", "subject", "owed_by", "reason", "told")
    list_display_links = ("at",)
    list_select_related = ("actor",)
    search_fields = ("order_reference__exact",)
    search_help_text = "Order number, in full"

    @admin.display(description="order")
    def owed_by(self, act: StaffAction) -> SafeString | str:
        """Leads to the desk's page of the order."""
        number = act.order_reference
        where = reverse("desk:order", args=[number]) if number else ""
        return format_html('<a href="{}">{}</a>', where, number) if number else ""

    @admin.display(description="details")
    def told(self, act: StaffAction) -> str:
        return ", ".join(f"{name} {value}" for name, value in act.detail.items() if value != "")


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin[OutboxMessage]):
    """Facts on their way, and how far they came."""

    list_display = ("topic", "order_reference", "subscriber", "tries", "created_at", "done_at")
    list_filter = (("done_at", admin.EmptyFieldListFilter),)
    search_fields = ("order_reference__exact", "dedupe_key__exact")
    search_help_text = "Order number or fact key, in full"
