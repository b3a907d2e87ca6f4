"""What a browser carries: the basket's cookie, the language, the headers of a private page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control

from orders import lookups, services
from orders.models import Order

View = TypeVar("View", bound=Callable[..., HttpResponse])
BASKET_COOKIE = "__Host-basket" if settings.SESSION_COOKIE_SECURE else "basket"
#: A basket left for a quarter of a year is no wish any more.
BASKET_COOKIE_SECONDS = 90 * 24 * 3600


def basket_token(request: HttpRequest) -> str | None:
    """The browser's basket, if it has one."""
    return request.COOKIES.get(BASKET_COOKIE)


def keep_basket(response: HttpResponse, token: str) -> HttpResponse:
    """Let the browser remember its basket."""
    response.set_cookie(
        BASKET_COOKIE,
        token,
        max_age=BASKET_COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def reading_language() -> str:
    """The language of this request, as the cookie or the browser asked."""
    return get_language() or settings.LANGUAGE_CODE


def private(view: View) -> View:
    """No cache keeps the answer, not even the browser's: a stale page of money misleads."""
    return cache_control(no_store=True, private=True)(view)


def find_order(request: HttpRequest, public_id: str) -> Order:
    """The order of an address; wrong guesses are counted. Raises OrderNotFound."""
    with lookups.counting_misses(request.META.get("REMOTE_ADDR", "")):
        return services.find_order(lookups.well_formed(public_id))
