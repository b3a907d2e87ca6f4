"""Whose word about the asker's address is believed: the named proxies', and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.security.production import real_server
from tests.stack import Stack

pytestmark = pytest.mark.django_db  # the server's own database is this test's

PROXY, SOMEBODY = "127.0.0.2", "127.0.0.3"
MISSES_ALLOWED = 2


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stack]:
    """A shop behind one proxy that lets one address guess twice a minute."""
    allowed = {"TRUSTED_PROXIES": PROXY, "LOOKUP_MISSES_PER_MINUTE": str(MISSES_ALLOWED)}
    with django_db_blocker.unblock(), real_server(**allowed) as shop:
        yield shop


def guess(shop: Stack, sender: str, *forwarded: str) -> list[int]:
    """The answers to guesses that come from `sender`, each with what it says of the asker."""
    path = f"/api/v1/orders/{'x' * 24}/"
    line = httpx.HTTPTransport(local_address=sender)
    with httpx.Client(base_url=shop.url, transport=line) as client:
        told = [{"X-Forwarded-For": words} if words else {} for words in forwarded]
        return [client.get(path, headers=headers).status_code for headers in told]


def test_shoppers_behind_the_proxy_are_counted_each_by_themselves(shop):
    assert guess(shop, PROXY, *["198.51.100.1"] * 3) == [404, 404, 429]
    assert guess(shop, PROXY, "198.51.100.2", "198.51.100.3") == [404, 404]
    assert guess(shop, PROXY, "198.51.100.1") == [429]


def test_what_a_shopper_says_before_the_proxy_is_not_believed(shop):
    forged = [f"203.0.113.{n}, 198.51.100.9" for n in range(3)]
    assert guess(shop, PROXY, *forged) == [404, 404, 429]


def test_a_forged_word_from_elsewhere_is_not_believed(shop):
    assert guess(shop, SOMEBODY, *[f"203.0.113.{n}" for n in range(10, 13)]) == [404, 404, 429]
    assert guess(shop, SOMEBODY, PROXY, "") == [429, 429]
