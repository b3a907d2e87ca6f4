"""The bank's clock put back for a while: what happens meanwhile lies in its past."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.bank import Bank


@contextmanager
def living_at(bank: Bank, moment: datetime) -> Iterator[None]:
    """The bank lives at this moment of its past, then now again."""
    _put_back(bank, (datetime.now(UTC) - moment).total_seconds())
    try:
        yield
    finally:
        _put_back(bank, 0)


def _put_back(bank: Bank, seconds: float) -> None:
    answer = bank.client.put("/clock", json={"seconds_behind": seconds})
    assert answer.status_code == 200, answer.text
