"""Starting a payment: one click or forty, one tab or two, one method or another.

The payment is on disk before the gateway is asked. While one start is in flight, every other
request gets that payment. A Redis lock lets the second wait for the first one's answer; the
database's lease and unique index decide without it.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from payments import asking, breaker, registry, switching
from payments.events import PaymentStarted
from payments.gateways.base import CreateRequest
from payments.models import Payment, PaymentIntent
from payments.models.payment import Role, State
from payments.problems import (
    GatewayDown,
    IntentClosed,
    PaymentAlreadySettled,
    TooManyPayments,
)
from payments.recording import live_cache_name, poll_pause, record_outcome
from payments.references import new_reference
from payments.views import PaymentView, Started, payment_view
from payments.wishes import Wish
from shop import courtesy, failpoints, hot, outbox

#: A cached answer may lag behind the truth for this long at most; pages read the database.
ANSWER_CACHED_SECONDS = 15


class _Shown(Exception):
    """Nothing to write: roll the transaction back and show this payment."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.reference)
        self.payment = payment


def start(wish: Wish, *, now: datetime) -> Started:
    """The payment for this wish. Raises what the door's `start_payment` names."""
    wish.check_method()
    if wish.claim is not None:
        wish.claim.recall()
    if cached := _cached(wish):
        return cached
    name = f"intent:{wish.order_reference}"
    with courtesy.lock(
        name,
        hold_seconds=settings.PAYMENT_LEASE_SECONDS,
        wait_seconds=settings.START_WAIT_SECONDS,
    ):
        if cached := _cached(wish):
            return cached
        started = _start(wish, now=now)
    _keep(wish, started)
    return started


def _cached(wish: Wish) -> Started | None:
    view: PaymentView | None = courtesy.get(live_cache_name(wish.order_reference))
    if view is None or not (view.settles or view.method == wish.method):
        return None
    if wish.claim is not None:
        wish.claim.recall()  # a repeat that waited gets its own first answer, not a later one
        if view.settles and view.holds_secret:
            return None  # that answer was never cached: the database has it
    if view.settles:
        raise PaymentAlreadySettled
    started = Started(view, created=False)
    if wish.claim is not None:
        wish.claim.remember(started.status, view.as_api())
    return started


def _keep(wish: Wish, started: Started) -> None:
    """Let repeats find the answer without the database."""
    view = started.payment
    if not view.is_cacheable or started.switching:
        return
    # The key's answer first: whoever sees the payment cached finds its own answer too.
    if wish.claim is not None:
        wish.claim.remember(started.status, view.as_api())
    courtesy.put(live_cache_name(wish.order_reference), view, seconds=ANSWER_CACHED_SECONDS)


def _start(wish: Wish, *, now: datetime) -> Started:
    try:
        payment, task = _begin_or_lose(wish, now=now)
    except _Shown as shown:
        return _show(wish, shown.payment, now=now)
    if task == "send":
        return send(wish, payment, now=now)
    return switching.leave(wish, payment, now=now)


def _begin_or_lose(wish: Wish, *, now: datetime) -> tuple[Payment, str]:
    try:
        return _begin(wish, now=now)
    except IntegrityError:
        # Somebody's start won the unique index: look again, theirs is the payment.
        return _begin(wish, now=now)


def _show(wish: Wish, payment: Payment, *, now: datetime) -> Started:
    view = payment_view(payment, wish.order_reference)
    waiting = view.presentation is None and view.may_still_arrive
    if wish.claim is not None and not waiting:
        wish.claim.settle(200, view.as_api(), now=now)
    return Started(view, created=False, retry_after_seconds=2 if waiting else None)


def _begin(wish: Wish, *, now: datetime) -> tuple[Payment, str]:
    """The first transaction: decide under the intent's lock what this request does."""
    with transaction.atomic(durable=True):
        intent = PaymentIntent.objects.make_or_lock(
            order_reference=wish.order_reference,
            amount_minor=wish.amount_minor,
            currency=wish.currency,
            now=now,
        )
        if wish.claim is not None:
            wish.claim.take(now=now)
        payments = _payments(intent)
        check_open(intent, payments)
        live = next((p for p in payments if p.role == Role.LIVE), None)
        if live is None:
            left = left_behind(wish, payments)
            if left is None:
                payment = born(wish, intent, payments, now=now)
                failpoints.reach("payment.writing")
                return payment, "send"
            live = left
        return _continue(wish, live, now)


def _payments(intent: PaymentIntent) -> list[Payment]:
    # The first version is the insert itself: nothing can be under it yet.
    return [] if intent.version == 1 else list(intent.payments.order_by("id"))


def check_open(intent: PaymentIntent, payments: list[Payment]) -> None:
    """Raises PaymentAlreadySettled or IntentClosed."""
    if any(p.role == Role.SETTLING for p in payments):
        raise PaymentAlreadySettled
    if intent.closed_at is not None:
        raise IntentClosed


def left_behind(wish: Wish, payments: list[Payment]) -> Payment | None:
    """A superseded attempt by the same method: no new key before it is dead."""
    for payment in payments:
        same = (payment.gateway, payment.method) == wish.target
        if same and payment.state == State.SUPERSEDED:
            return payment
    return None


def check_gateway(wish: Wish) -> None:
    """Nothing new begins at a gateway that is down. Raises GatewayDown: nothing was sent."""
    mine = breaker.breaker(wish.target[0])
    if mine.is_down():
        raise GatewayDown(retry_after_seconds=mine.retry_after_seconds)


def _continue(wish: Wish, payment: Payment, now: datetime) -> tuple[Payment, str]:
    """There is an attempt already: show it, send it again, or leave it for another."""
    same = (payment.gateway, payment.method) == wish.target
    alive = payment.role == Role.LIVE and payment.close_wanted_at is None
    if payment.is_leased(now):
        raise _Shown(payment)
    if same and alive and now < payment.expires_at:
        if not payment.can_be_sent(now):
            raise _Shown(payment)
        payment.count_send(now)
        payment.lease(now, settings.PAYMENT_LEASE_SECONDS)
        payment.save()
        return payment, "send"
    if not same:
        check_gateway(wish)  # before the old attempt is closed for one that cannot be opened
    if payment.role == Role.LIVE:
        payment.close_wanted_at = payment.close_wanted_at or now
    payment.lease(now, settings.PAYMENT_LEASE_SECONDS)
    payment.next_poll_at = payment.lease_until
    payment.save()
    return payment, "leave"


def born(wish: Wish, intent: PaymentIntent, payments: list[Payment], *, now: datetime) -> Payment:
    """Write the attempt with its exact request; the unique index is the guard."""
    _check_rate(payments, now)
    check_gateway(wish)
    gateway, method = wish.target
    can = registry.capabilities(gateway, method)
    reference = new_reference(now)
    request = CreateRequest(
        reference=reference,
        order_reference=intent.order_reference,
        method=method,
        amount_minor=wish.amount_minor,
        currency=wish.currency,
        subject=wish.subject,
        created_at=now,
        expires_at=now + can.lifetime,
        notify_url=wish.notify_url,
        return_url=wish.return_url,
        locale=wish.locale,
        device=wish.device,
        payer=wish.payer_for(can),
    )
    payment = Payment(
        reference=reference,
        intent=intent,
        gateway=gateway,
        method=method,
        amount_minor=wish.amount_minor,
        currency=wish.currency,
        role=Role.LIVE,
        born_version=intent.version,
        request=asking.request_to_store(request),
        created_at=now,
        expires_at=request.expires_at,
    )
    payment.count_send(now)
    payment.lease(now, settings.PAYMENT_LEASE_SECONDS)
    # Should this process die now, the sweep resumes once nobody can be at it any more.
    payment.next_poll_at = payment.lease_until
    hot.insert([payment])
    outbox.publish(PaymentStarted(intent.order_reference, payment.reference), now=now)
    return payment


def _check_rate(payments: list[Payment], now: datetime) -> None:
    recent = [p for p in payments if p.created_at > now - timedelta(minutes=1)]
    if len(recent) >= settings.NEW_PAYMENTS_PER_MINUTE:
        raise TooManyPayments(retry_after_seconds=60)


def send(wish: Wish, payment: Payment, *, now: datetime) -> Started:
    """Ask the gateway to open it and record the answer, with the key's answer beside it."""
    failpoints.reach("payment.committed")
    answer = asking.create(payment, now=now)
    failpoints.reach("gateway.answered")
    created = payment.send_count == 1

    def store(row: Payment) -> None:
        if wish.claim is not None:
            started = Started(payment_view(row, wish.order_reference), created)
            wish.claim.store(started.status, started.payment.as_api(), now=answer.at)

    row = record_outcome(
        reference=payment.reference,
        outcome=answer.outcome,
        source="answer",
        now=answer.at,
        then=store,
    )
    if row.next_poll_at is not None:
        courtesy.enqueue(
            "payments.poll", countdown_seconds=poll_pause(row), reference=row.reference
        )
    return Started(payment_view(row, wish.order_reference), created)
