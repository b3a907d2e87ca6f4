"""Talking to the gateway about one refund: no transaction is open, no lock is held."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from payments import asking, breaker, registry
from payments.gateways import base
from payments.models import Refund


@dataclass(frozen=True)
class Answer:
    """The gateway's word about a refund, and when it came; None: no trustworthy one."""

    snapshot: base.RefundSnapshot | None
    error: str
    at: datetime
    # The call that brought it: what was asked and how long the answer took.
    operation: str
    milliseconds: int

    @property
    def is_not_found(self) -> bool:
        return self.snapshot is not None and self.snapshot.state is base.RefundState.NOT_FOUND


def send(refund: Refund, *, sent_before: datetime | None, now: datetime) -> Answer:
    """Send the stored request, for the first time or again; `sent_before` was the last time."""
    request = _request(refund)
    final = _nothing_else_is_on_its_way(refund, sent_before, now)
    return _ask(refund, "refund", lambda gate: gate.refund(request), now=now, final=final)


def query(refund: Refund, *, now: datetime) -> Answer:
    """Ask where the refund stands. A refused question says nothing about the refund."""
    request = _request(refund)
    return _ask(refund, "query_refund", lambda gate: gate.query_refund(request), now=now)


def _ask(
    refund: Refund,
    operation: str,
    question: Callable[[base.Gateway], base.RefundSnapshot],
    *,
    now: datetime,
    final: bool = False,
) -> Answer:
    asking.forbid_transaction()
    began = time.monotonic()

    def answered(snapshot: base.RefundSnapshot | None, error: str = "") -> Answer:
        took = time.monotonic() - began
        at = now + timedelta(seconds=took)
        return Answer(snapshot, error, at, operation, round(took * 1000))

    try:
        return answered(breaker.call(refund.payment.gateway, operation, question))
    except base.Refused as no:
        if final:
            return answered(base.RefundSnapshot(base.RefundState.FAILED, gateway_id=no.code))
        return answered(None, no.code)
    except base.Unknown as doubt:
        return answered(None, doubt.why)


def _nothing_else_is_on_its_way(
    refund: Refund, sent_before: datetime | None, now: datetime
) -> bool:
    """Whether a refusal is the last word: no earlier send of it can still arrive."""
    payment = refund.payment
    horizon = registry.capabilities(payment.gateway, payment.method).not_found_final_after
    return sent_before is None or now >= sent_before + horizon


def _request(refund: Refund) -> base.RefundRequest:
    return base.RefundRequest(
        reference=refund.reference,
        payment=asking.reference_of(refund.payment),
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        created_at=refund.created_at,
        captured_minor=refund.payment.captured_minor,
    )
