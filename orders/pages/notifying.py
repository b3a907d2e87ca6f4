"""A browser asks to be told about its order; the script that then listens in it."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from orders.pages.browser import find_order, private
from orders.post import pushing


@private
@require_POST
def order_notify(request: HttpRequest, public_id: str) -> HttpResponse:
    """Tell this browser from now on. Raises NotABrowser, TooManyBrowsers."""
    pushing.subscribe(
        find_order(request, public_id),
        endpoint=request.POST.get("endpoint", ""),
        p256dh=request.POST.get("p256dh", ""),
        auth=request.POST.get("auth", ""),
        now=timezone.now(),
    )
    return HttpResponse(status=204)


@cache_control(no_cache=True)
@require_safe
def push_worker(request: HttpRequest) -> HttpResponse:
    """The service worker. Its address at the root lets it open every order's page."""
    return HttpResponse(_script(), content_type="text/javascript; charset=utf-8")


@cache
def _script() -> bytes:
    return (settings.BASE_DIR / "static" / "js" / "push-worker.js").read_bytes()
