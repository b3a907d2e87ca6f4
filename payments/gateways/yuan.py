"""Yuan and fen, and the clock of China: what its gateways have in common."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

CURRENCY = "CNY"
# No daylight saving since 1991; gateways there date everything so, wherever a host stands.
BEIJING = timezone(timedelta(hours=8), "GMT+8")
_YUAN = re.compile(r"(0|[1-9][0-9]{0,12})(?:\.([0-9]{1,2}))?", re.ASCII)
_FORM = "%Y-%m-%d %H:%M:%S"


def in_yuan(amount_minor: int) -> str:
    """Fen as a decimal string: 1050 is "10.50"."""
    whole, rest = divmod(amount_minor, 100)
    return f"{whole}.{rest:02d}"


def in_fen(value: object) -> int:
    """A decimal string of yuan, exactly; ValueError for any other form."""
    parts = _YUAN.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise ValueError("not an amount in yuan")
    return int(parts[1]) * 100 + int((parts[2] or "").ljust(2, "0"))


def beijing_time(moment: datetime) -> str:
    """`2026-11-25 18:30:00`, whole seconds."""
    return moment.astimezone(BEIJING).strftime(_FORM)


def from_beijing_time(value: object) -> datetime:
    """The moment of such a text, in UTC; ValueError for any other form."""
    if not isinstance(value, str):
        raise ValueError("not a time")
    return datetime.strptime(value, _FORM).replace(tzinfo=BEIJING).astimezone(UTC)


def days_in_china(day: date) -> tuple[date, date]:
    """The two days there that one UTC day is made of."""
    return day, day + timedelta(days=1)


def bill_made_at(china_day: date) -> datetime:
    """When the bill of a day there can be had: the next morning at ten (both providers' word)."""
    return datetime.combine(china_day + timedelta(days=1), time(10), BEIJING)
