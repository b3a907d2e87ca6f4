"""What the staff's templates need: money and moments."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shop.money import format_money

register = template.Library()


@register.filter
def amount(amount_minor: int, currency: str) -> str:
    """Minor units as staff read them, whatever their browser's language."""
    return format_money(amount_minor, currency)


@register.filter
def moments(at: datetime | None) -> SafeString | str:
    """A time in UTC and, where it differs, in the shop's own zone."""
    if at is None:
        return ""
    stored = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if settings.TIME_ZONE == "UTC":
        return format_html('<time datetime="{}">{}</time>', at.isoformat(), stored)
    local = timezone.localtime(at, timezone.get_default_timezone())
    return format_html(
        '<time datetime="{}">{} <span class="desk-local">{}</span></time>',
        at.isoformat(),
        stored,
        f"{local:%d %b %H:%M:%S %Z}",
    )


@register.filter
def minus(number: int, less: int) -> int:
    """What is left of a number."""
    return number - less


@register.filter
def as_json(told: Any) -> str:
    """For a hidden field that a form reads as JSON."""
    return json.dumps(told)


@register.filter
def upto(number: int) -> range:
    """Every number from nothing to this one."""
    return range(number + 1)
