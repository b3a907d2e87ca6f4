"""Leaving one attempt for another: ask about it, close it, then open the new one.

The gateway's own answers decide. Captured: nothing to open. Closed: open the new one. Not
closable, or not seen yet: the old one is superseded and may still be paid; should that
happen beside the new one, the second capture goes back by itself. No answer: ask again for
`SWITCH_SECONDS` while the page says so, then leave it behind.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from payments import asking, registry, starting
from payments.closing import pursue_close, supersede
from payments.gateways.base import CloseAnswer
from payments.models import Payment, PaymentIntent
from payments.models.payment import Role
from payments.problems import PaymentAlreadySettled
from payments.recording import record_outcome
from payments.trail import Trail
from payments.views import Started, payment_view
from payments.wishes import Wish

RETRY_AFTER_SECONDS = 2


def leave(wish: Wish, old: Payment, *, now: datetime) -> Started:
    """Replace an attempt by what the wish asks for, or say that this takes a moment."""
    try:
        return _leave(wish, old, now=now)
    finally:
        if wish.claim is not None:
            wish.claim.release(now=now)


def _leave(wish: Wish, old: Payment, *, now: datetime) -> Started:
    mine, insisted = old.lease_until, _has_insisted(old, now)
    answer = asking.query(old, now=now)
    silent = answer.outcome.snapshot is None
    old = record_outcome(
        reference=old.reference, outcome=answer.outcome, source="switch", now=answer.at
    )
    if old.has_money:
        return _paid(wish, old)
    if old.is_final:
        return _open_new(wish, old, None, now=answer.at)
    if silent and (old.role != Role.LIVE or not insisted):
        return _wait(wish, old, mine)  # one silence is enough for one request
    if old.role != Role.LIVE:
        return _come_back(wish, old, now=answer.at)
    if silent:
        return _leave_open(wish, old, None, mine, insisted=True, now=answer.at)
    close, old, at = pursue_close(old, source="switch", now=answer.at)
    if old.has_money:
        return _paid(wish, old)
    if old.is_final:
        return _open_new(wish, old, None, now=at)
    same = (old.gateway, old.method) == wish.target
    if same and close is CloseAnswer.NOT_CLOSABLE and at < old.expires_at:
        return _come_back(wish, old, now=at)
    return _leave_open(wish, old, close, mine, insisted=insisted, now=at)


def _leave_open(
    wish: Wish,
    old: Payment,
    close: CloseAnswer | None,
    mine: datetime | None,
    *,
    insisted: bool,
    now: datetime,
) -> Started:
    """The old attempt could not be closed: leave it behind if that may be, or say "not yet"."""
    dead_after = _may_be_left(wish, old, close, insisted=insisted, now=now)
    if dead_after is None:
        return _wait(wish, old, mine)
    return _open_new(wish, old, dead_after, now=now)


def _has_insisted(old: Payment, now: datetime) -> bool:
    """The shopper has wanted another payment for so long that the gateway's silence is no reason.

    Counted when a request begins: what the gateway's slowness takes of it is not the shopper's.
    """
    wanted = old.close_wanted_at or now
    return now - wanted >= timedelta(seconds=settings.SWITCH_SECONDS)


def _may_be_left(
    wish: Wish, old: Payment, close: CloseAnswer | None, *, insisted: bool, now: datetime
) -> datetime | None:
    """When the old attempt is dead for certain, if it may be left now; None: not yet."""
    if (old.gateway, old.method) == wish.target:
        return None  # a new key by the same method only after the old one is dead
    horizon = registry.capabilities(old.gateway, old.method).not_found_final_after
    if close is CloseAnswer.NOT_CLOSABLE:
        return old.dead_after or old.expires_at
    if close is CloseAnswer.NOT_FOUND or insisted:
        return (old.sent_at or now) + horizon
    return None


def _open_new(wish: Wish, old: Payment, dead_after: datetime | None, *, now: datetime) -> Started:
    """Retire the old attempt and write the new one, in one transaction; then send it."""
    with transaction.atomic(durable=True):
        intent = PaymentIntent.objects.make_or_lock(
            order_reference=wish.order_reference,
            amount_minor=wish.amount_minor,
            currency=wish.currency,
            now=now,
        )
        payments = list(intent.payments.order_by("id"))
        starting.check_open(intent, payments)
        live = next((p for p in payments if p.role == Role.LIVE), None)
        new = left = None
        if live is None or (dead_after is not None and live.pk == old.pk):
            if live is not None and dead_after is not None:
                trail = Trail(intent.order_reference, "switch", now)
                supersede(live, dead_after, trail)
                trail.write()
            left = starting.left_behind(wish, payments)
            if left is None:
                new = starting.born(wish, intent, payments, now=now)
    if left is not None:
        return _leave(wish, left, now=now)
    if new is not None:
        return starting.send(wish, new, now=now)
    # Somebody opened another one while we asked: that is the payment in flight.
    return Started(payment_view(live or old, wish.order_reference), created=False)


def _come_back(wish: Wish, old: Payment, *, now: datetime) -> Started:
    """The shopper returns to an attempt that is not dead: it can be paid again."""
    with transaction.atomic(durable=True):
        intent = PaymentIntent.objects.lock().get(pk=old.intent_id)
        payments = list(intent.payments.order_by("id"))
        starting.check_open(intent, payments)
        row = next(p for p in payments if p.pk == old.pk)
        live = next((p for p in payments if p.role == Role.LIVE), None)
        if live is None and not row.is_final:
            trail = Trail(intent.order_reference, "switch", now)
            trail.step(row, "revived")
            trail.write()
            live = row
        if live is row:
            row.lease_until = row.close_wanted_at = None
            row.save()
        _answer_key(wish, live or row, now)
    return Started(payment_view(live or row, wish.order_reference), created=False)


def _answer_key(wish: Wish, row: Payment, now: datetime) -> None:
    if wish.claim is not None:
        wish.claim.store(200, payment_view(row, wish.order_reference).as_api(), now=now)


def _wait(wish: Wish, old: Payment, mine: datetime | None) -> Started:
    # The next request may insist at once; our lease, and nobody else's, stands not in its way.
    Payment.objects.filter(pk=old.pk, lease_until=mine).update(lease_until=None)
    view = payment_view(old, wish.order_reference)
    return Started(view, created=False, switching=True, retry_after_seconds=RETRY_AFTER_SECONDS)


def _paid(wish: Wish, old: Payment) -> Started:
    if old.role == Role.SETTLING:
        raise PaymentAlreadySettled
    return Started(payment_view(old, wish.order_reference), created=False)
