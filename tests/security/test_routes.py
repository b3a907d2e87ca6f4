"""Every address answers every verb with junk in it: no 500, and the headers that protect."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from django.http import HttpResponseBase
from django.test import Client

from tests.factories import new_key
from tests.security.conftest import signed_in
from tests.security.routes import address_of, every_route, junk

pytestmark = pytest.mark.django_db

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS")
JUNK = ("0", "%00", "x" * 24, "9" * 25, "..%2f..%2fetc", "%ff'%22<")
#: No other site learns an order's address. Not `no-referrer`: browsers then send
#: `Origin: null` with our own forms, and the check against forgery refuses them.
REFERRER_POLICY = "same-origin"
#: Where orders, payments and people are shown.
PRIVATE = re.compile("/(orders|payments|checkout|basket)/|^/admin/(orders|payments|shop)/.")


def wanting(response: HttpResponseBase | Mapping[str, str], path: str) -> list[str]:
    """The names of headers that should have been there and are not."""
    policy = response.get("Content-Security-Policy", "")
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";") if " " in part)
    checks = {
        "frame-ancestors": directives.get("frame-ancestors") == "'none'",
        "object-src": directives.get("object-src") == "'none'",
        "base-uri": directives.get("base-uri") == "'none'",
        "default-src": directives.get("default-src") == "'self'",
        "no inline": "unsafe" not in policy,
        "X-Frame-Options": response.get("X-Frame-Options") == "DENY",
        "nosniff": response.get("X-Content-Type-Options") == "nosniff",
        "Referrer-Policy": response.get("Referrer-Policy") == REFERRER_POLICY,
        "no CORS": "Access-Control-Allow-Origin" not in response,
        "request id": "X-Request-ID" in response,
        "no-store": "no-store" in response.get("Cache-Control", "") or not _is_private(path),
    }
    return [name for name, fulfilled in checks.items() if not fulfilled]


def _is_private(path: str) -> bool:
    return PRIVATE.search(path) is not None


def flaws(client: Client, verbs: tuple[str, ...], word: str) -> list[str]:
    found = []
    for route in every_route():
        path = address_of(route, junk(word))
        for verb in verbs:
            answer = client.generic(
                verb,
                path,
                b"{}" if verb in ("POST", "PUT", "PATCH") else b"",
                content_type="application/json",
                headers={"Idempotency-Key": new_key(), "Origin": "https://evil.example"},
            )
            if answer.status_code >= 500:
                found.append(f"{verb} {path}: {answer.status_code}")
            if missing := wanting(answer, path):
                found.append(f"{verb} {path} {answer.status_code}: {missing}")
    return found


@pytest.mark.parametrize("word", JUNK[:2])
def test_no_verb_fails_or_lacks_a_header_for_anybody(guest, word):
    assert not (found := flaws(guest, VERBS, word)), "\n".join(found)


@pytest.mark.parametrize("word", JUNK[2:])
def test_no_address_fails_or_lacks_a_header_for_anybody(guest, word):
    assert not (found := flaws(guest, ("GET", "POST"), word)), "\n".join(found)


@pytest.mark.parametrize("word", JUNK)
def test_no_address_fails_for_those_who_may_do_everything(chief, word):
    assert not (found := flaws(signed_in(chief), ("GET",), word)), "\n".join(found)


def test_verbs_that_no_door_knows_are_refused_where_something_is_written(guest):
    for path in ("/basket/add/", "/currency/", "/i18n/setlang/", "/webhooks/sandbox/"):
        for verb in ("GET", "PUT", "DELETE", "TRACE"):
            assert guest.generic(verb, path).status_code == 405, (verb, path)


@pytest.mark.parametrize("page", ["pay", "check", "cancel", "again", "another"])
def test_a_button_of_an_order_is_no_link(guest, order, page):
    path = f"/orders/{order.public_id}/{page}/"
    assert {guest.generic(verb, path).status_code for verb in ("GET", "HEAD", "TRACE")} == {405}


def test_nobody_makes_or_recovers_an_account_from_outside():
    """Shoppers have no accounts; staff are made by staff, and no mail resets a password."""
    doors = re.compile("reset|recover|register|sign-?up|accounts?/|forgot", re.IGNORECASE)
    assert [route for route in every_route() if doors.search(route)] == []
