"""What staff did that moved no state of its own is on record too."""

from datetime import datetime

from shop.models import StaffAction, User


def note_act(
    person: User,
    action: str,
    subject: str,
    order_reference: str,
    *,
    now: datetime,
    reason: str = "",
    **detail: str | int,
) -> None:
    """One line of the order's timeline; it can never be changed."""
    StaffAction.objects.create(
        actor=person,
        action=action,
        subject=subject,
        order_reference=order_reference,
        reason=reason[:300],
        detail=detail,
        at=now,
    )
