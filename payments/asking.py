"""Talking to the gateway about one payment: no transaction is open, no lock is held.

Each question ends in an `Outcome`, whatever went wrong on the way, and in the moment of the
answer: a call may take seconds, and what is recorded carries the later time.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from payments import breaker, registry
from payments.gateways import base
from payments.models import Payment
from payments.outcomes import Kind, Outcome, in_doubt, outcome_of, refused

#: Horizons are a quarter of an hour and longer; a minute more or less gives nothing up.
CLOCKS_APART_MAX = timedelta(minutes=1)


@dataclass(frozen=True)
class Answer:
    """An outcome and when it came; `close` tells what became of a wish to close."""

    outcome: Outcome
    at: datetime
    close: base.CloseResult | None = None


def create(payment: Payment, *, now: datetime) -> Answer:
    """Send the stored request, for the first time or again."""
    return _ask("create", payment, now, lambda gate: gate.create(stored_request(payment)))


def query(payment: Payment, *, now: datetime) -> Answer:
    """Ask where the payment stands."""
    return _ask("query", payment, now, lambda gate: gate.query(reference_of(payment)))


def capture(payment: Payment, *, now: datetime) -> Answer:
    """Take what the shopper agreed to, under the key of this wish."""
    key = payment.capture_key
    return _ask("capture", payment, now, lambda gate: gate.capture(reference_of(payment), key))


def close(payment: Payment, *, now: datetime) -> Answer:
    """Ask that it can never be paid; the gateway may say that it already was."""
    results: list[base.CloseResult] = []

    def question(gate: base.Gateway) -> base.Snapshot:
        result = gate.close(reference_of(payment))
        results.append(result)
        shown = result.snapshot or base.Snapshot(SNAPSHOT_AFTER_CLOSE[result.answer])
        # Consent may stand at the gateway for hours more: closed is what nobody will capture.
        unused = result.answer is base.CloseAnswer.CLOSED and shown.state is base.State.AUTHORIZED
        return replace(shown, state=base.State.CLOSED) if unused else shown

    answer = _ask("close", payment, now, question)
    return Answer(answer.outcome, answer.at, results[0] if results else None)


#: What a close says about the payment where the gateway sent no snapshot along. "Already
#: paid" alone is no capture that could be booked: the next question brings its amount.
SNAPSHOT_AFTER_CLOSE = {
    base.CloseAnswer.CLOSED: base.State.CLOSED,
    base.CloseAnswer.ALREADY_PAID: base.State.PENDING,
    base.CloseAnswer.NOT_CLOSABLE: base.State.PENDING,
    base.CloseAnswer.NOT_FOUND: base.State.NOT_FOUND,
}


def _ask(
    operation: str,
    payment: Payment,
    now: datetime,
    question: Callable[[base.Gateway], base.Snapshot],
) -> Answer:
    forbid_transaction()
    began = time.monotonic()
    try:
        snapshot = breaker.call(payment.gateway, operation, question)
    except base.Refused as no:
        # Final only as the answer to the first send: beside a repeat, or any other question, an
        # earlier send may still be on its way and open what this one was refused.
        first = operation == "create" and payment.send_count == 1
        outcome = (refused if first else in_doubt)(payment, no.code)
    except base.Unknown as doubt:
        outcome = in_doubt(payment, doubt.why)
    else:
        horizon = registry.capabilities(payment.gateway, payment.method).not_found_final_after
        outcome = outcome_of(snapshot, payment, horizon=horizon, now=_later(now, began))
        if outcome.kind is Kind.ABSENT and not _clock_is_right():
            # A node an hour ahead would give up what was sent a minute ago.
            outcome = in_doubt(payment, "this node's clock differs from the database's")
    took = round((time.monotonic() - began) * 1000)
    return Answer(replace(outcome, operation=operation, milliseconds=took), _later(now, began))


def _clock_is_right() -> bool:
    """Whether this node may say that a horizon is over: the database keeps the time for all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return bool(abs(cursor.fetchone()[0] - timezone.now()) < CLOCKS_APART_MAX)


def forbid_transaction() -> None:
    """No gateway call inside a transaction: a slow gateway must not hold our locks."""
    if connection.in_atomic_block and not getattr(
        connection.atomic_blocks[0], "_from_testcase", False
    ):
        raise RuntimeError("A gateway is never called inside a transaction.")


def _later(now: datetime, began: float) -> datetime:
    return now + timedelta(seconds=time.monotonic() - began)


def reference_of(payment: Payment) -> base.PaymentRef:
    """What names the payment towards its gateway; a twin goes by its first row's name."""
    first = payment.same_attempt_as or payment
    return base.PaymentRef(
        reference=first.reference,
        method=payment.method,
        created_at=first.created_at,
        gateway_id=first.gateway_order_id or "",
        request=stored_request(first) if first.request else None,
        capture_sent=first.capture_wanted_at is not None,
        transaction_id=payment.gateway_transaction_id or "",
    )


def request_to_store(request: base.CreateRequest) -> dict[str, Any]:
    """The request as its column keeps it."""
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(request).items()}


def stored_request(payment: Payment) -> base.CreateRequest:
    """The very request that was committed before the first send."""
    stored = dict(payment.request)
    for moment in ("created_at", "expires_at"):
        stored[moment] = parse_datetime(stored[moment])
    return base.CreateRequest(**stored)
