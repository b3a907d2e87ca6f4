"""What the API takes and gives. Types are strict: `true` is no number, `1` is no text."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from orders.forms import PAYER_FACT_MAX
from orders.models.basket import LINES_MAX, QUANTITY_MAX
from shop.strict_fields import StrictBody, StrictEmail, StrictInteger, StrictText


class WishSerializer(StrictBody):
    """So many pieces of one good."""

    sku = StrictText(max_length=64)
    quantity = StrictInteger(min_value=1, max_value=QUANTITY_MAX)


class AddressSerializer(StrictBody):
    """Where the goods go; every field may be left out."""

    name = StrictText(max_length=120, required=False)
    street = StrictText(max_length=120, required=False)
    postcode = StrictText(max_length=16, required=False)
    city = StrictText(max_length=120, required=False)
    country = StrictText(min_length=2, max_length=2, required=False)


@extend_schema_serializer(component_name="Order")
class OrderRequestSerializer(StrictBody):
    """An order. Prices, delivery costs and the total are the shop's own."""

    email = StrictEmail(max_length=254)
    lines = serializers.ListField(child=WishSerializer(), min_length=1, max_length=LINES_MAX)
    currency = serializers.ChoiceField(
        choices=settings.CURRENCIES, default=settings.DEFAULT_CURRENCY
    )
    locale = serializers.ChoiceField(choices=[code for code, _ in settings.LANGUAGES], default="en")
    delivery = StrictText(max_length=32, required=False, allow_blank=True, default="")
    address = AddressSerializer(required=False)


class PayerSerializer(StrictBody):
    """Who pays, for the methods that ask for it; all others take no notice."""

    name = StrictText(max_length=PAYER_FACT_MAX, required=False)
    tax_id = StrictText(max_length=PAYER_FACT_MAX, required=False)


@extend_schema_serializer(component_name="Payment")
class PaymentRequestSerializer(StrictBody):
    """A way to pay; amount and currency are the order's own."""

    method = StrictText(max_length=40)
    payer = PayerSerializer(required=False)


@extend_schema_serializer(component_name="Empty")
class EmptyRequestSerializer(StrictBody):
    """No fields."""


class ProductSerializer(serializers.Serializer[Any]):
    """A good with its price, tax included."""

    sku = serializers.CharField()
    title = serializers.CharField()
    price_minor = serializers.IntegerField()
    currency = serializers.CharField()
    available = serializers.IntegerField()


class MethodSerializer(serializers.Serializer[Any]):
    """A way to pay that can work now."""

    method = serializers.CharField()
    title = serializers.CharField()
    gateway = serializers.CharField()


class PaymentSerializer(serializers.Serializer[Any]):
    """One attempt to pay. `presentation` is null until known; its fields depend on `kind`."""

    reference = serializers.CharField()
    gateway = serializers.CharField()
    method = serializers.CharField()
    state = serializers.CharField()
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    refunded_minor = serializers.IntegerField()
    settles = serializers.BooleanField()
    presentation = serializers.DictField(allow_null=True)


class OrderSerializer(serializers.Serializer[Any]):
    """An order as its shopper sees it."""

    public_id = serializers.CharField()
    number = serializers.CharField()
    state = serializers.CharField()
    total_minor = serializers.IntegerField()
    currency = serializers.CharField()
    tax_minor = serializers.IntegerField()
    delivery_minor = serializers.IntegerField()
    placed_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    payment_methods = MethodSerializer(many=True)
    payments = PaymentSerializer(many=True)


class StatusSerializer(serializers.Serializer[Any]):
    """What an open page watches; its ETag changes with it."""

    public_id = serializers.CharField()
    state = serializers.CharField()
    version = serializers.IntegerField()
    total_minor = serializers.IntegerField()
    currency = serializers.CharField()
    expires_at = serializers.DateTimeField()
    cancel_wanted = serializers.BooleanField()


class CancelledSerializer(serializers.Serializer[Any]):
    """What became of the wish to cancel."""

    public_id = serializers.CharField()
    number = serializers.CharField()
    state = serializers.CharField()
