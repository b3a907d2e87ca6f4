"""The gateway's statement against our rows: what it shows and we lack is adopted.

A failover can lose commits that we had acted upon. A movement that carries one of our
references is ours even when its row is gone; the order reference that travelled with the
payment says whose it is.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from payments import breaker, polling, registry
from payments.gateways import base
from payments.models import Payment, PaymentIntent, Refund
from payments.trail import Trail

#: (amount in minor units, currency) that an order reference owes; None: no such order.
Owed = Callable[[str], tuple[int, str] | None]


@dataclass(frozen=True)
class Movement:
    """A row of a gateway's statement, with the gateway's name."""

    gateway: str
    row: base.StatementRow


def movements(day: date) -> list[Movement]:
    """Every movement of one UTC day at every gateway that tells it. Raises Unknown and Refused."""
    found: list[Movement] = []
    for name in sorted(registry.configured()):
        # Where there is no such thing as a statement, nothing is proven and nothing adopted.
        with suppress(base.NoStatement):
            found += [Movement(name, row) for row in breaker.statement(name, day)]
    return found


def adopt(movement: Movement, *, owed: Owed, now: datetime) -> bool:
    """Book a movement that our rows lack; whether there was anything to book."""
    if _is_known(movement):
        return False
    reference = movement.row.reference
    lost = not Payment.objects.filter(reference=reference).exists()
    if lost and not bear_again(movement.gateway, reference, movement.row.at, owed=owed, now=now):
        return False
    polling.ask_after_hint(reference, now=now)
    return _is_known(movement)


def _is_known(movement: Movement) -> bool:
    row = movement.row
    if row.kind == "refund":
        return Refund.objects.filter(reference=row.refund_reference).exists()
    return Payment.objects.filter(
        gateway=movement.gateway, gateway_transaction_id=row.transaction_id
    ).exists()


def bear_again(gateway: str, reference: str, at: datetime, *, owed: Owed, now: datetime) -> bool:
    """Write a lost attempt anew, superseded: the funnel decides what its money means.

    Whether the gateway knows the reference and the order that travelled with it is ours.
    Raises Unknown and Refused.
    """
    asked = base.PaymentRef(reference, method="", created_at=at)
    shown = breaker.call(gateway, "query", lambda gate: gate.query(asked))
    debt = owed(shown.order_reference)
    if debt is None:
        return False
    with transaction.atomic(durable=True):
        intent = PaymentIntent.objects.make_or_lock(
            order_reference=shown.order_reference,
            amount_minor=debt[0],
            currency=debt[1],
            now=now,
        )
        payment = Payment(
            reference=reference,
            intent=intent,
            gateway=gateway,
            method=shown.method,
            amount_minor=debt[0],
            currency=debt[1],
            born_version=intent.version,
            created_at=at,
            expires_at=at,
        )
        trail = Trail(intent.order_reference, "audit", now)
        trail.step(payment, "superseded", "adopted after lost commits")
        payment.save()
        trail.write()
    return True
