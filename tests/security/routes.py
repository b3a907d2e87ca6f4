"""Every URL pattern of the project, and addresses made from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from django.urls import URLPattern, URLResolver, get_resolver

CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


def every_route() -> list[str]:
    """The patterns as they are written, in the order in which they are tried."""
    return list(dict.fromkeys(_walk(get_resolver().url_patterns, "")))


def _walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for pattern in patterns:
        written = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, written)
        else:
            yield written


def address_of(route: str, told: Mapping[str, str]) -> str:
    """A route with its placeholders filled in."""
    # The admin's own two routes by regular expression: one application, and the rest.
    plain = re.sub(r"\^\(\?P<app_label>.*", "orders/", route).replace("(?P<url>.*)$", "nothing/")
    return "/" + CONVERTER.sub(lambda placeholder: told[placeholder[1]], plain)


def junk(text: str) -> Mapping[str, str]:
    """Every placeholder filled with the same text."""
    return dict.fromkeys(
        [
            *("public_id", "rest", "reference", "gateway", "object_id", "content_type_id", "id"),
            *("number", "case_id", "reconciliation_id", "label"),
        ],
        text,
    )
