"""Payments as a Django app. It knows an order only by its reference."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Attempts to collect money, and the doors to them."""

    name = "payments"
    verbose_name = "Payments"
