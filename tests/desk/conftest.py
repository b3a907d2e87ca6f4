"""An order whose money is at the bank, and who sends it back."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from orders import services as orders
from orders.models import Order
from payments.models import Payment
from tests.bank import Bank
from tests.desk.money import Desk
from tests.desk.people import person
from tests.factories import DeliveryFactory, ProductFactory, place
from tests.orders.story import fresh, pay
from tests.payments.conftest import forget_adapters


@pytest.fixture
def paid(bank: Bank, transactional_db: None) -> Order:
    """Two mugs for 10.00 EUR each and delivery, paid by QR code."""
    DeliveryFactory(prices={"EUR": 490})
    mug = ProductFactory(sku="mug", prices={"EUR": 1000})
    order = place((mug, 2), delivery="standard")
    bank.pay(pay(order).payment.reference)
    orders.check_order(public_id=order.public_id, now=timezone.now())
    return fresh(order)


@pytest.fixture
def payment(paid: Order) -> Payment:
    return Payment.objects.get()


@pytest.fixture
def ada(transactional_db: None) -> Desk:
    """May refund."""
    return Desk(person("ada", "refund_payment"))


@pytest.fixture
def bob(transactional_db: None) -> Desk:
    """May refund too."""
    return Desk(person("bob", "refund_payment"))


@pytest.fixture
def eve(transactional_db: None) -> Desk:
    """May approve what others ask for."""
    return Desk(person("eve", "approve_refund"))


@pytest.fixture
def debt_free_order(bank: Bank, transactional_db: None) -> Payment:
    """A payment that was opened and never paid."""
    return Payment.objects.get(reference=pay(place()).payment.reference)


@pytest.fixture
def one_way(settings: Any, payment: Payment) -> Iterator[None]:
    """From now on the method cannot send money back."""
    settings.PAYMENT_GATEWAYS = copy.deepcopy(settings.PAYMENT_GATEWAYS)
    settings.PAYMENT_GATEWAYS["sandbox"]["adapter"] = "tests.desk.money.OneWayBank"
    forget_adapters()
    yield
    forget_adapters()
