"""Questions about many attempts, and the one read that takes the lock."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from django.db import models, transaction

from payments.models.intent import PaymentIntent
from payments.models.payment_states import UNSETTLED
from shop import hot

if TYPE_CHECKING:
    from payments.models.payment import Payment


class PaymentQuerySet(models.QuerySet["Payment"]):
    """Questions about many attempts."""

    def unsettled(self) -> PaymentQuerySet:
        """Attempts on which money may still arrive, as far as we know."""
        return self.filter(state__in=UNSETTLED)

    def under_lock(self, reference: str) -> list[Payment]:
        """Every payment of this one's intent, oldest first, with the intent locked: one query.

        The intent's row is locked before its payments' rows, whose newest versions are read
        only then. A row that was born while this query waited is missing from its snapshot;
        the intent's version tells, and the rows are read again.
        """
        found = hot.rows(_under_lock(self.model), [reference], self.model, PaymentIntent)
        if not found:
            raise self.model.DoesNotExist(reference)
        intent, rows = found[0][1], [row for row, _ in found]
        for row in rows:
            row.intent = intent
        if intent.version != max(row.born_version for row in rows):
            rows = list(intent.payments.select_related("intent").order_by("id"))
        return rows

    def hasten(self, *, order_reference: str, now: datetime) -> list[str]:
        """Bring the next ask of an order's attempts forward; the references concerned."""
        due = self.unsettled().filter(intent__order_reference=order_reference, next_poll_at__gt=now)
        # Whoever holds a row is talking about it already.
        with transaction.atomic():
            free = due.select_for_update(of=("self",), skip_locked=True)
            references = list(free.values_list("reference", flat=True))
            if references:
                self.filter(reference__in=references).update(next_poll_at=now)
        return references


@cache
def _under_lock(payment: type[Payment]) -> str:
    return f"""
    SELECT {hot.columns(payment, "payment")}, {hot.columns(PaymentIntent, "intent")}
    FROM payments_payment payment
    JOIN payments_paymentintent intent ON intent.id = payment.intent_id
    JOIN payments_payment named ON named.intent_id = intent.id
    WHERE named.reference = %s ORDER BY payment.id FOR UPDATE OF intent, payment
    """  # noqa: S608 - our own columns  # nosec B608
