"""Taking a step: run the transition, remember it for the history, who did it and why."""

from dataclasses import dataclass, field
from datetime import datetime

from payments.events import PaymentEnded, RefundDone
from payments.models import Payment, Refund
from payments.models.payment import Role
from shop import hot, outbox
from shop.logs import request_id
from shop.models import StateChange


@dataclass
class Trail:
    """The steps of one transaction; `write` puts them into the history in one statement."""

    order_reference: str
    source: str
    now: datetime
    actor: str = ""
    changes: list[StateChange] = field(default_factory=list)
    calls: list[StateChange] = field(default_factory=list)

    def step(self, row: Payment | Refund, arrow: str, reason: str = "") -> None:
        """Take one arrow. The caller holds the intent's lock and saves the row."""
        before = row.state
        getattr(row, f"mark_{arrow}")(self.now)
        self.changes.append(
            StateChange(
                subject="payment" if isinstance(row, Payment) else "refund",
                subject_reference=row.reference,
                order_reference=self.order_reference,
                from_state=before,
                to_state=row.state,
                source=self.source,
                actor=self.actor,
                reason=reason[:300],
                at=self.now,
            )
        )

    def born(self, refund: Refund) -> None:
        """A refund that waits for a person: nothing moved yet, but somebody asked."""
        self.changes.append(
            StateChange(
                subject="refund",
                subject_reference=refund.reference,
                order_reference=self.order_reference,
                from_state="",
                to_state=refund.state,
                source=self.source,
                actor=self.actor,
                reason=refund.reason[:300],
                at=self.now,
            )
        )

    def call(self, row: Payment | Refund, operation: str, answer: str, milliseconds: int) -> None:
        """Remember a call to the gateway: what was asked, the answer's class, how long it took.

        The request's id leads from here to every log line of the same moment, and back.
        """
        asked_in = request_id()
        self.calls.append(
            StateChange(
                subject="call",
                subject_reference=row.reference,
                order_reference=self.order_reference,
                from_state=operation,
                to_state=answer,
                source=self.source,
                actor=self.actor,
                detail={"milliseconds": milliseconds} | ({"request": asked_in} if asked_in else {}),
                at=self.now,
            )
        )

    def write(self) -> None:
        """One insert for all of this transaction."""
        if self.calls or self.changes:
            hot.insert([*self.calls, *self.changes])


def tell_end(trail: Trail, ended: Payment, payments: list[Payment]) -> None:
    """An attempt ended without paying: tell it, unless the intent is paid anyway."""
    if any(p.role == Role.SETTLING for p in payments):
        return
    outbox.publish(
        PaymentEnded(
            order_reference=trail.order_reference,
            payment=ended.reference,
            may_still_arrive=any(not p.is_final for p in payments),
        ),
        now=trail.now,
    )


def tell_refund_done(refund: Refund, payment: Payment, trail: Trail) -> None:
    """Money went back; the payment's sums already say so."""
    outbox.publish(
        RefundDone(
            order_reference=trail.order_reference,
            payment=payment.reference,
            refund=refund.reference,
            amount_minor=refund.amount_minor,
            settles=payment.role == Role.SETTLING,
            fully_refunded=payment.refunded_minor == payment.captured_minor,
            tell_shopper=refund.tell_shopper,
        ),
        now=trail.now,
    )
