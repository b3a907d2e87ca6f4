"""Payments told without orders: a reference that owes money, and the door to pay it."""

import copy
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments import registry, sweeping
from payments import services as payments
from payments.views import Started
from tests.bank import Bank
from tests.payments.line import Line

#: What an order reference owes in these tests, in minor units.
OWED = 6899


class Debt:
    """An order reference that owes 68.99 EUR, seen from the door of payments."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def start(self, method: str = "qr", **told: Any) -> Started:
        asked: dict[str, Any] = {
            "order_reference": self.reference,
            "amount_minor": OWED,
            "currency": "EUR",
            "method": method,
            "subject": "a lamp",
            "return_url": "http://127.0.0.1:8000/",
            "locale": "en",
            "claim": None,
            "now": timezone.now(),
        }
        return payments.start_payment(**(asked | told))

    def close(self, now: datetime | None = None) -> payments.Closing:
        return payments.close_intent(
            order_reference=self.reference,
            amount_minor=OWED,
            currency="EUR",
            now=now or timezone.now(),
        )

    def all(self) -> list[payments.PaymentView]:
        return payments.list_payments(order_reference=self.reference)


@pytest.fixture(autouse=True)
def deaf_orders(settings: Any) -> None:
    """Nobody above listens: payments makes sense without orders."""
    settings.OUTBOX_SUBSCRIBERS = {topic: {} for topic in settings.OUTBOX_SUBSCRIBERS}


@pytest.fixture
def debt(transactional_db: None) -> Debt:
    return Debt("PO-TEST-1")


@pytest.fixture
def later() -> Callable[[float], datetime]:
    """The time so many seconds from now."""
    return lambda seconds: timezone.now() + timedelta(seconds=seconds)


@pytest.fixture
def line(bank: Bank, settings: Any) -> Iterator[Line]:
    """The shop reaches the bank over this wire only."""
    with Line(bank.port) as wire:
        settings.PAYMENT_GATEWAYS = copy.deepcopy(settings.PAYMENT_GATEWAYS)
        settings.PAYMENT_GATEWAYS["sandbox"]["options"]["base_url"] = wire.url
        forget_adapters()
        yield wire
    forget_adapters()


def forget_adapters() -> None:
    """Adapters are made once per process, from the settings of that moment."""
    registry.gateway.cache_clear()
    registry.capabilities.cache_clear()


def sweep_until(done: Callable[[], bool], seconds: float = 60) -> None:
    """Sweep, each time so many seconds later, until the bank has made it so."""
    for step in range(1, 50):
        sweeping.sweep(now=timezone.now() + timedelta(seconds=seconds * step))
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("it never became so")
