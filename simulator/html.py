"""Pages from templates: every value is escaped unless it is markup that we made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

_TEMPLATES = Path(__file__).parent / "templates"
_PLACE = re.compile(r"\{\{ (\w+) \}\}")
# Decimal places that are not 2 (ISO 4217).
_DIGITS = dict.fromkeys(("JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF"), 0)
_DIGITS |= dict.fromkeys(("KWD", "BHD", "OMR", "JOD", "TND"), 3)


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def render(template: str, **values: object) -> Markup:
    """Fill the places of templates/<template>.html; a missing value is a KeyError."""
    return Markup(_PLACE.sub(lambda place: _safe(values[place[1]]), _source(template)))


def join(parts: Iterable[Markup]) -> Markup:
    """Several pieces of markup after each other."""
    return Markup("".join(parts))


def page(title: str, content: Markup, *, policy: str = "", look: str = "", status: int = 200,
         state: str = "") -> HTMLResponse:  # fmt: skip
    """A whole page. `policy` adds directives to the strict policy; none may frame it by default."""
    text = render("layout", title=title, content=content, look=look, state=state)
    policy = policy or "frame-ancestors 'none'; form-action 'self'"
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
        f"img-src 'self'; base-uri 'none'; {policy}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(text, status, headers)


def money(amount_minor: int, currency: str) -> str:
    """`EUR 12.34`, `JPY 1234`."""
    digits = _DIGITS.get(currency, 2)
    if not digits:
        return f"{currency} {amount_minor}"
    whole, rest = divmod(amount_minor, 10**digits)
    return f"{currency} {whole}.{rest:0{digits}}"


def _safe(value: object) -> str:
    return value if isinstance(value, Markup) else escape(str(value))


@cache
def _source(template: str) -> str:
    return (_TEMPLATES / f"{template}.html").read_text(encoding="utf-8")
