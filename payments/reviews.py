"""Opening review cases: what only a person can decide, one open case per subject."""

from datetime import datetime
from typing import Any

from payments.models import ReviewCase
from payments.models.desk import ReviewKind


def open_case(
    case: ReviewKind, *, subject: str, order_reference: str, now: datetime, **known: Any
) -> None:
    """Open a case, unless the same one is open: the unique index keeps it single."""
    ReviewCase.objects.bulk_create(
        [
            ReviewCase(
                kind=case,
                subject=subject[:140],
                order_reference=order_reference,
                known=known,
                opened_at=now,
            )
        ],
        ignore_conflicts=True,
    )
