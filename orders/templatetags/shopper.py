"""What the shopper's templates need beyond Django's own tags."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import segno
from babel.dates import format_datetime, format_time
from django import template
from django.conf import settings
from django.db.models import Sum
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from orders.models import BasketLine, Product
from orders.pages.browser import BASKET_COOKIE
from orders.pages.words import method_words
from shop.money import format_money

register = template.Library()


def _locale() -> str:
    return (get_language() or settings.LANGUAGE_CODE).replace("-", "_")


@register.filter
def money(amount_minor: int, currency: str) -> str:
    """Minor units as an amount in the reader's language."""
    return format_money(amount_minor, currency, _locale())


@register.filter
def moment(at: datetime | None) -> str:
    """A time in UTC, named as such: the server does not know the reader's zone."""
    if at is None:
        return ""
    return f"{format_datetime(at, 'd MMM y, HH:mm', locale=_locale())} UTC"


@register.filter
def clock(at: datetime | None) -> str:
    """Only the hour and minute, in UTC."""
    return "" if at is None else f"{format_time(at, 'HH:mm', locale=_locale())} UTC"


@register.filter
def minutes(seconds: int) -> str:
    """Seconds as m:ss, as the countdown script shows them."""
    return f"{seconds // 60}:{seconds % 60:02d}"


@register.filter
def method_title(method: str) -> str:
    """A way to pay, in the reader's language."""
    return str(method_words(method).title)


@register.simple_tag
def qr_code(text: str) -> SafeString:
    """The text as an inline SVG with title and quiet zone, black on white.

    The only markup is segno's own: the text itself becomes dots.
    """
    svg: str = segno.make(text, error="m").svg_inline(
        border=4, omitsize=True, title=gettext("QR code of this payment"), dark="#000", light="#fff"
    )
    return mark_safe(svg.replace("<svg ", '<svg role="img" ', 1))  # noqa: S308 - see above  # nosec B308, B703


@register.simple_tag(takes_context=True)
def basket_count(context: dict[str, Any]) -> int:
    """How many pieces this browser's basket holds; no query without its cookie."""
    token = context["request"].COOKIES.get(BASKET_COOKIE)
    if not token:
        return 0
    lines = BasketLine.objects.filter(basket__token=token)
    return lines.aggregate(pieces=Sum("quantity"))["pieces"] or 0


@register.simple_tag
def help_email() -> str:
    """Where a person answers."""
    return str(settings.HELP_EMAIL)


@register.simple_tag
def test_mode() -> bool:
    """Whether this shop pays at a simulated bank: then every page says so."""
    return bool(settings.TEST_MODE)


@register.filter
def title_here(product: Product) -> str:
    """A good's title in the reader's language."""
    return product.title_in(_locale())


@register.filter
def description_here(product: Product) -> str:
    """A good's description in the reader's language."""
    return product.description_in(_locale())
