"""The password before money goes out, while Redis is gone: staff work on, guesses stay counted."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as shop_settings
from django.urls import reverse

from shop import courtesy
from shop.models import SignInTries
from tests.desk.money import Desk
from tests.desk.people import person

#: Nobody listens on port 1.
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def redis_is_gone(settings: Any) -> None:
    """Each connection is refused, as when the server is down."""
    default = shop_settings.CACHES["default"] | {"LOCATION": NOWHERE}
    settings.CACHES = shop_settings.CACHES | {"default": default}
    assert courtesy.get("anything") is None
    assert courtesy.pause.active()


@pytest.fixture
def mal(transactional_db: None) -> Desk:
    """May refund, and has not typed the password yet."""
    return Desk(person("mal", "refund_payment"), confirmed=False)


def test_staff_refund_while_redis_is_gone(mal, payment, bank, redis_is_gone):
    answer = mal.confirm()
    assert (answer.status_code, answer["Location"]) == (302, "/admin/desk/search/")
    assert mal.refund(payment).status_code == 302
    assert bank.net(payment.reference) == 0


def test_the_sixth_guess_is_refused_while_redis_is_gone(mal, payment, bank, redis_is_gone):
    assert [mal.confirm("wrong").status_code for _ in range(5)] == [403] * 5
    refused = mal.confirm()
    assert (refused.status_code, int(refused["Retry-After"])) == (429, 60)
    where = reverse("desk:refund", args=[payment.reference])
    assert mal.client.get(where)["Location"].startswith(reverse("desk:confirm"))
    assert bank.net(payment.reference) == payment.amount_minor


def test_the_guesses_before_the_right_password_are_forgotten(mal, redis_is_gone):
    for _ in range(3):
        assert [mal.confirm("wrong").status_code for _ in range(4)] == [403] * 4
        assert mal.confirm().status_code == 302
    assert not SignInTries.objects.exists()
