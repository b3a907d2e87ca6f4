"""Which gateways this shop has, and which public method goes to which of them."""

from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from payments.gateways.base import Capabilities, Gateway


@cache
def gateway(name: str) -> Gateway:
    """The adapter of a gateway, made once per process. Raises KeyError for a stranger."""
    told: dict[str, Any] = settings.PAYMENT_GATEWAYS[name]
    adapter: Gateway = import_string(told["adapter"])(**told["options"])
    return adapter


@cache
def capabilities(gateway_name: str, method: str) -> Capabilities:
    """What one method of one gateway can do. Raises KeyError when it is not offered."""
    return {c.method: c for c in gateway(gateway_name).methods()}[method]


def public_methods() -> dict[str, tuple[str, str]]:
    """Public method name -> (gateway, its own method), in the order they are offered."""
    methods: dict[str, tuple[str, str]] = settings.PAYMENT_METHODS
    return methods


def public_name(gateway_name: str, method: str) -> str:
    """The name under which shoppers know this method."""
    for name, target in public_methods().items():
        if target == (gateway_name, method):
            return name
    return method


def configured() -> frozenset[str]:
    """Names of the gateways that this shop talks to."""
    return frozenset(settings.PAYMENT_GATEWAYS)
