"""Before money goes out: the person at the keyboard typed the password not long ago."""

from __future__ import annotations

from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from shop import sign_in
from shop.confirmed import is_confirmed, note_confirmed
from shop.desk.doors import member
from shop.desk.pages import View, desk_page, desk_response
from shop.logs import get_logger

log = get_logger("security")


def confirmed(view: View) -> View:
    """A page that asks for the password first, if it was not typed within 15 minutes."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_confirmed(request.session, now=timezone.now()):
            return view(request, *args, **kwargs)
        if request.method == "POST":
            messages.warning(request, "Nothing was sent yet: type your password, then once more.")
        where = request.path if request.method == "POST" else request.get_full_path()
        return HttpResponseRedirect(f"{reverse('desk:confirm')}?{urlencode({'next': where})}")

    return guarded


@sensitive_post_parameters()
@desk_page("payments.view_payment")
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Type the password, go on where one was. Raises TooManyTries."""
    back = _safe(request.POST.get("next") or request.GET.get("next", ""))
    wrong = False
    if request.method == "POST":
        person = member(request)
        name = f"confirm:{person.pk}"
        sign_in.count_try(name, sign_in.TRIES_PER_ADDRESS)
        if person.check_password(request.POST.get("password", "")):
            sign_in.forget_tries(name)
            note_confirmed(request.session, now=timezone.now())
            return HttpResponseRedirect(back)
        log.warning("confirm.failed")
        wrong = True
    status = 403 if wrong else 200
    return desk_response(request, "confirm", "Your password", next=back, wrong=wrong, status=status)


def _safe(address: str) -> str:
    """Only pages of the desk; anything else leads to the search."""
    ours = address.startswith(f"/{settings.ADMIN_PATH}desk/") and url_has_allowed_host_and_scheme(
        address, allowed_hosts=None
    )
    return address if ours else reverse("desk:search")
