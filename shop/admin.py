"""Staff accounts, and the ground's own tables to look at."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from shop.models import OutboxMessage, User
from shop.readonly import ReadOnlyAdmin

admin.site.register(User, UserAdmin)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin[OutboxMessage]):
    """Facts on their way, and how far they came."""

    list_display = ("topic", "order_reference", "subscriber", "tries", "created_at", "done_at")
    list_filter = (("done_at", admin.EmptyFieldListFilter),)
    search_fields = ("order_reference__exact", "dedupe_key__exact")
    search_help_text = "Order number or fact key, in full"
