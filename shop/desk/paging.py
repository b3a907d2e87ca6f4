"""Long lists page by page: each page continues after the last row that was seen."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict

ROWS_PER_PAGE = 50
#: As the ids in the database: a longer number is no row.
ID_DIGITS_MAX = 18
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, newest first, and the addresses of the next ones and of the first page."""

    rows: list[M]
    older: str
    newest: str


def newest_first(request: HttpRequest, rows: QuerySet[M]) -> Page[M]:
    """One page by `?before=<id>`: no count and no offset, however long the list is."""
    start = start_of(request)
    found = rows.order_by("-pk")
    if start is not None:
        found = found.filter(pk__lt=start)
    page = list(found[: ROWS_PER_PAGE + 1])
    more = len(page) > ROWS_PER_PAGE
    shown = page[:ROWS_PER_PAGE]
    older = with_changed(request.GET, before=shown[-1].pk) if more else ""
    newest = with_changed(request.GET, before=None) if start is not None else ""
    return Page(shown, older, newest)


def start_of(request: HttpRequest) -> int | None:
    """Where the page begins: below this id, or at the newest row."""
    before = request.GET.get("before", "")
    return int(before) if before.isdecimal() and len(before) <= ID_DIGITS_MAX else None


def with_changed(query: QueryDict, **changes: Any) -> str:
    """The query of this address with some fields changed; None takes one out."""
    told = query.copy()
    for name, value in changes.items():
        told.pop(name, None)
        if value is not None:
            told[name] = str(value)
    return f"?{told.urlencode()}"
