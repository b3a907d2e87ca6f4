"""Every answer of the real server, failures and odd requests too, carries what protects."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from tests.factories import place
from tests.security.production import real_server
from tests.security.test_routes import wanting
from tests.stack import Stack

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "/orders/" + "x" * 24 + "/"
JSON = {"Content-Type": "application/json"}
#: (verb, path, headers, body) -> status. Pages, API, webhooks, admin, static files and refusals.
ASKED = {
    "catalogue": ("GET", "/", {}, b"", 200),
    "order": ("GET", "/orders/{order}/", {}, b"", 200),
    "order of a program": ("GET", "/api/v1/orders/{order}/", {}, b"", 200),
    "unchanged": ("GET", "/api/v1/orders/{order}/status/", {"If-None-Match": "*"}, b"", 304),
    "no such order": ("GET", NOWHERE, {}, b"", 404),
    "no such page": ("GET", "/nothing", {}, b"", 404),
    "no such door": ("GET", "/api/nothing/", {}, b"", 404),
    "no key": ("POST", "/api/v1/orders/", JSON, b"{}", 400),
    "no JSON": ("POST", "/api/v1/orders/", {"Content-Type": "text/xml"}, b"<a/>", 415),
    "forged form": ("POST", "/basket/add/", {}, b"", 403),
    "forged notification": ("POST", "/webhooks/sandbox/", JSON, b"{}", 401),
    "wrong verb": ("DELETE", "/webhooks/sandbox/", {}, b"", 405),
    "another host": ("GET", "/", {"Host": "evil.example"}, b"", 400),
    "too large": ("POST", "/basket/add/", {}, b"x" * 3_000_000, 400),
    "sign-in": ("GET", "/admin/login/", {}, b"", 200),
    "admin": ("GET", "/admin/", {}, b"", 302),
    "refund": ("POST", "/api/v1/payments/0000000000000000000000000A/refunds/", JSON, b"{}", 401),
    "figures": ("GET", "/metrics", {}, b"", 200),
    "description": ("GET", "/api/schema/", {}, b"", 200),
}


@pytest.fixture(scope="module")
def served(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stack]:
    with django_db_blocker.unblock(), real_server() as shop:
        yield shop


def ask(shop: Stack, name: str, public_id: str) -> tuple[httpx.Response, int, str]:
    verb, path, headers, body, status = ASKED[name]
    path = path.format(order=public_id)
    return shop.client.request(verb, path, headers=headers, content=body), status, path


def test_every_answer_of_the_real_server_carries_what_protects(served: Stack) -> None:
    public_id = place().public_id
    flaws = {}
    for name in ASKED:
        answer, status, path = ask(served, name, public_id)
        missing = wanting(answer.headers, path)
        missing += flaws_of_cookies(answer)
        missing += [f"is {answer.status_code}, not {status}"] * (answer.status_code != status)
        for word in ("Traceback", "Django", "/work/", "SELECT "):
            missing += [f"says {word}"] * (name != "description" and word in answer.text)
        missing += ["names its server"] * ("x-powered-by" in answer.headers)
        if missing:
            flaws[name] = missing
    assert flaws == {}


def flaws_of_cookies(answer: httpx.Response) -> list[str]:
    found = []
    for line in answer.headers.get_list("set-cookie"):
        for cookie in SimpleCookie(line).values():
            if not cookie["httponly"] or cookie["samesite"] != "Lax" or cookie["domain"]:
                found.append(f"cookie {cookie.key}")
    return found
