"""What one member of staff may do about a refund that waits: for pages, links and buttons alike.

The services check again under the lock; here nobody is shown a door that stays shut.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from payments.models import Refund
from payments.models.refund import RefundKind, RefundState

ASK, APPROVE = "payments.refund_payment", "payments.approve_refund"


@dataclass(frozen=True)
class Powers:
    """About one refund: approve it, refuse it or take it back, note or confirm its transfer."""

    approve: bool = False
    refuse: bool = False
    note: bool = False
    confirm: bool = False

    @property
    def decide(self) -> bool:
        return self.approve or self.refuse

    @property
    def transfer(self) -> bool:
        return self.note or self.confirm


def powers(person: AbstractBaseUser | AnonymousUser, row: Refund) -> Powers:
    """By right and by who came first; who asked never approves, but may take it back."""
    may = getattr(person, "has_perm", lambda _: False)
    mine = row.actor == person.get_username()
    if row.state != RefundState.REQUESTED:
        return Powers()
    takes_back = mine and may(ASK)
    if row.kind != RefundKind.MANUAL:
        # The services refuse one's own approval in words; the page says the same.
        return Powers(approve=may(APPROVE), refuse=may(APPROVE) or takes_back)
    return Powers(
        # Who noted it first may correct it until a second person has confirmed it.
        note=may(ASK) and (mine or not row.actor),
        confirm=may(APPROVE) and not mine and bool(row.actor),
        # What the shop itself owes nobody asked for, and nobody can take back.
        refuse=bool(row.actor) and not row.transfer_reference and (may(APPROVE) or takes_back),
    )
