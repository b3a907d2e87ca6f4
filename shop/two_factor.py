"""A second factor for staff who can send money back: a code from their phone, or a spare one.

Once per session, after the password. Who has no device yet is led to make one; nothing else of
the admin opens before. Ten spare codes are shown once, for the day the phone is lost.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Callable
from typing import Any

import django_otp
import segno
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from shop import sign_in
from shop.logs import get_logger

log = get_logger("security")

#: Who holds one of these can move money out.
RIGHTS = ("payments.refund_payment", "payments.approve_refund")
SPARE_CODES = 10
#: Doors that open before the second factor: the way in and the way out.
OPEN = ("admin:login", "admin:logout", "second-factor")
STAFF_API = "/api/v1/payments/"
View = Callable[[HttpRequest], HttpResponseBase]


def is_needed(person: Any) -> bool:
    """Whether this person's password alone is not enough."""
    return bool(
        settings.REQUIRE_TWO_FACTOR
        and person.is_authenticated
        and person.is_staff
        and any(person.has_perm(right) for right in RIGHTS)
    )


class SecondFactor:
    """Middleware: until the code is given, the admin leads to its page and the API refuses."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        staff_page = request.path.startswith(f"/{settings.ADMIN_PATH}")
        if not (staff_page or request.path.startswith(STAFF_API)):
            return None
        person: Any = request.user
        if request.path in map(reverse, OPEN) or not is_needed(person) or person.is_verified():
            return None
        if not staff_page:
            log.warning("second_factor.missing")
            raise PermissionDenied
        return HttpResponseRedirect(f"{reverse('second-factor')}?next={request.path}")


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Make a device, or give its code; then on to where one was going."""
    person: Any = request.user
    if not (person.is_authenticated and person.is_staff):
        return HttpResponseRedirect(f"{reverse('admin:login')}?next={request.path}")
    own = next(django_otp.devices_for_user(person), None)
    if request.method != "POST":
        return _page(request, new=None if own else _draft(person))
    code = request.POST.get("code", "").replace(" ", "")[:40]
    name = f"second-factor:{person.pk}"
    sign_in.count_try(name, sign_in.TRIES_PER_ADDRESS)
    device = django_otp.match_token(person, code) if own else _confirmed(person, code)
    if device is None:
        log.warning("second_factor.failed")
        return _page(request, new=None if own else _draft(person), wrong=True, status=403)
    sign_in.forget_tries(name)
    request.session.cycle_key()
    django_otp.login(request, device)
    if own:
        return HttpResponseRedirect(_onward(request))
    log.info("second_factor.enrolled")
    return _page(request, spare=_spare_codes(person))


def _page(request: HttpRequest, *, status: int = 200, **told: Any) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Second factor",
        "next": _onward(request),
        **told,
    }
    response = render(request, "admin/second_factor.html", context, status=status)
    patch_cache_control(response, no_store=True, private=True)
    return response


def _onward(request: HttpRequest) -> str:
    """A page of the admin, never another site."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    home = reverse("admin:index")
    ours = wanted.startswith(home) and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if ours else home


def _draft(person: Any) -> dict[str, Any]:
    """A device that counts only once its first code was right."""
    device, _ = TOTPDevice.objects.get_or_create(
        user=person, confirmed=False, defaults={"name": "phone"}
    )
    picture = segno.make(device.config_url, error="m").svg_inline(scale=4, border=4)
    key = b32encode(device.bin_key).decode()
    grouped = " ".join(key[at : at + 4] for at in range(0, len(key), 4))
    return {"picture": mark_safe(picture), "key": grouped}  # noqa: S308 - drawn by us  # nosec B308, B703


def _confirmed(person: Any, code: str) -> TOTPDevice | None:
    device: TOTPDevice | None = TOTPDevice.objects.filter(user=person, confirmed=False).first()
    if device is None or not device.verify_token(code):
        return None
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    return device


def _spare_codes(person: Any) -> list[str]:
    """Each opens the door once; they are shown now and never again."""
    StaticDevice.objects.filter(user=person).delete()
    device = StaticDevice.objects.create(user=person, name="spare codes")
    codes = [secrets.token_hex(5) for _ in range(SPARE_CODES)]
    for code in codes:
        device.token_set.create(token=code)
    return codes


def reset(person: Any) -> int:
    """Forget every device of a person, who makes a new one at the next sign-in; how many."""
    gone = 0
    for device in list(django_otp.devices_for_user(person, confirmed=None)):
        device.delete()
        gone += 1
    return gone
