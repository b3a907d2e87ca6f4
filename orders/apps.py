"""The application that knows what a shopper owes."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Catalogue, basket, order, stock and invoice."""

    name = "orders"
    default_auto_field = "django.db.models.BigAutoField"
