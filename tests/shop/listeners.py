"""Subscribers for the outbox's tests: they write down what they heard, and fail when told to.

What they write is a row, so that a rolled back transaction takes it back as it would an order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from shop import history
from shop.models import StateChange
from shop.outbox import fact

#: Names of the listeners that fail now.
failing: set[str] = set()


@fact
@dataclass(frozen=True)
class BellRang:
    """A fact of the tests' own."""

    order_reference: str
    at: datetime

    @property
    def dedupe_key(self) -> str:
        return self.order_reference


def first(fact: BellRang, *, now: datetime) -> None:
    _hear("first", fact)


def second(fact: BellRang, *, now: datetime) -> None:
    _hear("second", fact)


def _hear(name: str, fact: BellRang) -> None:
    history.record(
        subject="order",
        subject_reference=fact.order_reference,
        order_reference=fact.order_reference,
        from_state="",
        to_state="heard",
        source=name,
        at=fact.at,
    )
    if name in failing:
        raise RuntimeError(f"{name} is broken")


def spoil(fact: BellRang, *, now: datetime) -> None:
    """Fails in the database itself."""
    StateChange.objects.create(subject="too long for its column", at=timezone.now())


def heard(name: str = "") -> list[str]:
    """Who has heard what, in the committed truth."""
    rows = StateChange.objects.filter(to_state="heard", source__startswith=name).order_by("id")
    return list(rows.values_list("subject_reference", flat=True))
