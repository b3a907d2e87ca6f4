"""Long lists page by page: each page continues after the last row that was seen."""

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict

ROWS_PER_PAGE = 50
#: As the ids in the database: a longer number is no row.
ID_DIGITS_MAX = 18
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, and the addresses of the next ones and of the first page."""

    rows: list[M]
    older: str
    newest: str
    #: What the two addresses are called.
    onward: str = "Older"
    back: str = "Newest"


def newest_first(request: HttpRequest, rows: QuerySet[M]) -> Page[M]:
    """One page by `?before=<id>`: no count and no offset, however long the list is."""
    start = start_of(request)
    found = rows.order_by("-pk")
    return _page(request, found if start is None else found.filter(pk__lt=start), "before")


def oldest_first(request: HttpRequest, rows: QuerySet[M]) -> Page[M]:
    """One page by `?after=<id>`, for lists in which what waits longest comes first."""
    start = start_of(request, "after")
    found = rows.order_by("pk")
    page = _page(request, found if start is None else found.filter(pk__gt=start), "after")
    return replace(page, onward="Newer", back="Oldest")


def _page(request: HttpRequest, found: QuerySet[M], name: str) -> Page[M]:
    rows = list(found[: ROWS_PER_PAGE + 1])
    more = len(rows) > ROWS_PER_PAGE
    shown = rows[:ROWS_PER_PAGE]
    onward = with_changed(request.GET, **{name: shown[-1].pk}) if more else ""
    started = start_of(request, name) is not None
    back = with_changed(request.GET, **{name: None}) if started else ""
    return Page(shown, onward, back)


def start_of(request: HttpRequest, name: str = "before") -> int | None:
    """The row that the last page ended with, or None on the first page."""
    told = request.GET.get(name, "")
    return int(told) if told.isdecimal() and len(told) <= ID_DIGITS_MAX else None


def with_changed(query: QueryDict, **changes: Any) -> str:
    """The query of this address with some fields changed; None takes one out."""
    told = query.copy()
    for name, value in changes.items():
        told.pop(name, None)
        if value is not None:
            told[name] = str(value)
    return f"?{told.urlencode()}"
