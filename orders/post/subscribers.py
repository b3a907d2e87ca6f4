"""Which fact is told to the shopper: one row per occasion, sent later by the sender.

All of these ride the relay, so a shopper is never written to about what was rolled back.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parseaddr

from django.conf import settings

from orders import credit_notes, invoices
from orders.events import LateMoneyReturned, LinkWanted, OrderCancelled, OrderPaid, OrderPlaced
from orders.links import is_address_of
from orders.models import Mail, Occasion, Order, PushMessage, PushSubscription
from payments.events import RefundDone, SurplusCaptured


def tell_placed(fact: OrderPlaced, *, now: datetime) -> None:
    """The order's link, for whoever closes the browser before paying."""
    _mail(fact.order_reference, Occasion.PLACED, now=now)


def tell_paid(fact: OrderPaid, *, now: datetime) -> None:
    """The receipt with its invoice, which is issued here if nobody did so before."""
    invoices.issue(fact.order_reference, now=now)
    _mail(fact.order_reference, Occasion.PAID, now=now)
    _push(fact.order_reference, Occasion.PAID, now=now)


def tell_surplus(fact: SurplusCaptured, *, now: datetime) -> None:
    """More money came than the order costs: which payment is kept, which goes back."""
    _mail(fact.order_reference, Occasion.SURPLUS, fact.payment, now=now)
    _push(fact.order_reference, Occasion.SURPLUS, fact.payment, now=now)


def tell_late(fact: LateMoneyReturned, *, now: datetime) -> None:
    """The money came after the end and the goods are gone."""
    _mail(fact.order_reference, Occasion.LATE, fact.refund, now=now)


def tell_refunded(fact: RefundDone, *, now: datetime) -> None:
    """Money went back; with its credit note where it had paid an invoice.

    The note is issued whether or not the shopper is written to: it stands on the order's page.
    """
    if fact.settles:
        credit_notes.issue(
            fact.order_reference,
            refund_reference=fact.refund,
            amount_minor=fact.amount_minor,
            now=now,
        )
    if fact.tell_shopper:
        _mail(fact.order_reference, Occasion.REFUNDED, fact.refund, now=now)
        _push(fact.order_reference, Occasion.REFUNDED, fact.refund, now=now)


def tell_cancelled(fact: OrderCancelled, *, now: datetime) -> None:
    """The order ended unpaid, by wish or by time."""
    _mail(fact.order_reference, Occasion.CANCELLED, now=now)


def tell_link(fact: LinkWanted, *, now: datetime) -> None:
    """The link again, to the order's own address, if it is the one that was named."""
    order = Order.objects.filter(number=fact.order_reference).first()
    if order is not None and is_address_of(order, fact.address_digest):
        _mail(order.number, Occasion.LINK, fact.hour, now=now)


def _mail(order_reference: str, kind: Occasion, occasion: str = "", *, now: datetime) -> None:
    order = Order.objects.get(number=order_reference)
    mail = Mail(
        order=order,
        kind=kind,
        occasion=occasion,
        message_id=message_id(order.number, kind, occasion),
        created_at=now,
        next_try_at=now,
    )
    Mail.objects.bulk_create([mail], ignore_conflicts=True)


def _push(order_reference: str, kind: Occasion, occasion: str = "", *, now: datetime) -> None:
    browsers = PushSubscription.objects.filter(order__number=order_reference)
    PushMessage.objects.bulk_create(
        [
            PushMessage(
                subscription=browser,
                kind=kind,
                occasion=occasion,
                created_at=now,
                next_try_at=now,
            )
            for browser in browsers
        ],
        ignore_conflicts=True,
    )


def message_id(number: str, kind: Occasion, occasion: str) -> str:
    """Made of what the mail is about, so that every copy of it has the same."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{'.'.join(filter(None, (number, kind.value, occasion)))}@{domain}>".lower()
