"""CSV that is sent row by row, and that no spreadsheet takes for a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db.models import F, Max, Min, Model, QuerySet
from django.http import StreamingHttpResponse

from shop.money import to_decimal

#: What begins like this, a spreadsheet runs; the last four are the wide twins of the first.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Rows read at once: short statements, however long the sheet is.
BATCH = 1000
M = TypeVar("M", bound=Model)
Row = Sequence[Any]


class _Line:
    """What the csv module writes to: it hands each line on."""

    def write(self, line: str) -> str:
        return line


def sheet(name: str, head: Row, rows: Iterable[Row]) -> StreamingHttpResponse:
    """The rows as a file for download, sent while they are read."""
    response = StreamingHttpResponse(_lines(head, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Cache-Control"] = "no-store, private"
    return response


def _lines(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


def cell(value: Any) -> str:
    """A value as text; a text that looks like a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    text = str(value).replace("\0", "")
    if isinstance(value, str) and text.lstrip(" ").startswith(FORMULA):
        return f"'{text}"
    return text


def major(amount_minor: int | None, currency: str) -> Decimal | None:
    """Minor units as the currency is written: 6899 EUR is 68.99."""
    if amount_minor is None:
        return None
    return to_decimal(amount_minor, currency)


def in_batches(found: QuerySet[M]) -> Iterator[M]:
    """Every row, oldest first, in short statements that no lock and no cursor outlives."""
    # The first and the last once, by the index of what was asked for: looking for the first row
    # by key alone would read every older one. Adding 0 keeps the planner from doing just that.
    ends = found.order_by().aggregate(first=Min(F("pk") + 0), last=Max(F("pk") + 0))
    if ends["first"] is None:
        return
    within, last = found.order_by("pk").filter(pk__lte=ends["last"]), ends["first"] - 1
    while last < ends["last"] and (batch := list(within.filter(pk__gt=last)[:BATCH])):
        yield from batch
        last = batch[-1].pk
