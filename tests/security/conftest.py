"""Who attacks, who looks on, and what is at stake."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

from orders.models import Order
from shop.confirmed import note_confirmed
from tests.bank import Bank
from tests.factories import place
from tests.orders.story import paid_order
from tests.security.watch import SecurityLog


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """A good hash is slow on purpose; here many people sign up."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def security_log() -> Iterator[SecurityLog]:
    """Every line that the logger `security` writes meanwhile."""
    log = SecurityLog()
    logger = logging.getLogger("security")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(log)
    yield log
    logger.removeHandler(log)
    logger.setLevel(before)


def staff(name: str, *rights: str, **more: Any) -> Any:
    """A member of staff with these rights, for example `payments.refund_payment`."""
    person = get_user_model().objects.create_user(
        name, f"{name}@payonce.example", "correct-horse-battery", is_staff=True, **more
    )
    for right in rights:
        app, codename = right.split(".")
        person.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return person


def signed_in(person: Any) -> Client:
    """Signed in, and the password was typed just now."""
    client = Client(raise_request_exception=False)
    client.force_login(person)
    session = client.session
    note_confirmed(session, now=timezone.now())
    session.save()
    return client


def with_token(person: Any) -> Client:
    token = Token.objects.create(user=person)
    return Client(raise_request_exception=False, headers={"Authorization": f"Token {token.key}"})


@pytest.fixture
def guest() -> Client:
    """Anybody: no cookie, no token; a failure of ours is a 500 and no traceback here."""
    return Client(raise_request_exception=False)


@pytest.fixture
def careful_guest() -> Client:
    """A browser whose forms are checked for forgery."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.fixture
def chief() -> Any:
    """A superuser."""
    return get_user_model().objects.create_superuser("chief", "chief@payonce.example", "x")


@pytest.fixture
def order(db: None) -> Order:
    """An order that waits for its payment."""
    return place()


@pytest.fixture
def paid(db: None, bank: Bank) -> Order:
    """An order whose money is at the bank."""
    order = paid_order(bank)
    # A test's transaction never commits, so nobody told the cache what became of the payment.
    cache.clear()
    return order
