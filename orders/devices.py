"""Which kind of device a shopper pays on: gateways prefer a code on a desk, an app on a phone."""

from django.http import HttpRequest


def device_of(request: HttpRequest) -> str:
    """`mobile` or `desktop`, by the browser's own word (MDN: "Mobi" marks a phone)."""
    return "mobile" if "Mobi" in request.headers.get("User-Agent", "") else "desktop"
