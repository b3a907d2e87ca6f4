"""The history of every order, payment and refund: one row per step, never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shop import hot
from shop.models import StateChange


def record(
    *,
    subject: str,
    subject_reference: str,
    order_reference: str,
    from_state: str,
    to_state: str,
    source: str,
    at: datetime,
    actor: str = "",
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> StateChange:
    """Write one step, in the transaction that takes it."""
    row = step(
        subject=subject,
        subject_reference=subject_reference,
        order_reference=order_reference,
        from_state=from_state,
        to_state=to_state,
        source=source,
        at=at,
        actor=actor,
        reason=reason,
        detail=detail,
    )
    hot.insert([row])
    return row


def step(
    *,
    subject: str,
    subject_reference: str,
    order_reference: str,
    from_state: str,
    to_state: str,
    source: str,
    at: datetime,
    actor: str = "",
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> StateChange:
    """One step, not written yet."""
    return StateChange(
        subject=subject,
        subject_reference=subject_reference,
        order_reference=order_reference,
        from_state=from_state,
        to_state=to_state,
        source=source,
        actor=actor,
        reason=reason[:300],
        detail=dict(detail or {}),
        at=at,
    )
