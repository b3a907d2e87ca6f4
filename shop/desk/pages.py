"""What every page of the desk shares: who may open it, and the admin's frame around it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_cache_control

View = Callable[..., HttpResponseBase]


def desk_page(*rights: str) -> Callable[[View], View]:
    """A page for staff who hold all of these rights now; others are sent to sign in, or 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perms(rights):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        inside: View = admin.site.admin_view(guarded)
        return inside

    return decorate


def desk_response(
    request: HttpRequest, page: str, title: str, /, *, status: int = 200, **told: Any
) -> HttpResponse:
    """`templates/admin/desk/<page>.html` in the admin's frame; never stored on the way."""
    context = {**admin.site.each_context(request), "title": title, **told}
    response = render(request, f"admin/desk/{page}.html", context, status=status)
    patch_cache_control(response, no_store=True, private=True)
    return response
