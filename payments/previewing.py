"""Ask the gateway and see what its answer would change, before anything is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from payments import asking
from payments.booking import lost_refunds
from payments.gateways import base
from payments.models import Payment
from payments.outcomes import Move, Outcome, decide
from payments.problems import PaymentNotFound
from payments.recording import record_outcome
from shop.money import format_money


@dataclass(frozen=True)
class AnswerPreview:
    """The gateway's answer about one payment, and the move that the funnel would make."""

    answer: str
    note: str
    milliseconds: int
    gateway_order_id: str
    captures: tuple[base.Capture, ...]
    would: str

    @property
    def changes_nothing(self) -> bool:
        return self.would == NOTHING


NOTHING = "nothing"
WOULD = {
    Move.OPEN: "the payment becomes open: the shopper can pay",
    Move.CAPTURE: "the shopper agreed: the money is taken",
    Move.DOUBT: "the payment becomes unknown: its answer was lost",
    Move.DECLINE: "the payment ends: declined",
    Move.CLOSE: "the payment ends: closed, it can never be paid",
    Move.WATCH: "nothing now; it is asked about again later",
    Move.REVIEW: "a review case opens: the gateway contradicts what it said before",
    Move.STAY: NOTHING,
}


def preview(*, reference: str, now: datetime) -> AnswerPreview:
    """Ask now and write nothing. Raises PaymentNotFound."""
    payment = _read(reference)
    outcome = asking.query(payment, now=now).outcome
    snapshot = outcome.snapshot
    return AnswerPreview(
        answer=outcome.kind.value,
        note=outcome.note,
        milliseconds=outcome.milliseconds,
        gateway_order_id=snapshot.gateway_id if snapshot else "",
        captures=tuple(snapshot.captures) if snapshot else (),
        would=_would(payment, outcome),
    )


def apply(*, reference: str, actor: str, now: datetime) -> Payment:
    """Ask again and record the answer through the one funnel. Raises PaymentNotFound."""
    payment = _read(reference)
    answer = asking.query(payment, now=now)
    return record_outcome(
        reference=(payment.same_attempt_as or payment).reference,
        outcome=answer.outcome,
        source="staff",
        now=answer.at,
        actor=actor,
    )


def _read(reference: str) -> Payment:
    row = Payment.objects.select_related("same_attempt_as", "intent").filter(reference=reference)
    payment = row.first()
    if payment is None:
        raise PaymentNotFound
    return payment


def _would(payment: Payment, outcome: Outcome) -> str:
    first = payment.same_attempt_as or payment
    move = decide(first, outcome)
    if move is not Move.BOOK:
        return WOULD[move]
    attempts = list(payment.intent.payments.filter(gateway=payment.gateway))
    told = [*_captured(payment, attempts, outcome), *_sent_back(attempts, outcome)]
    return "; ".join(told) or NOTHING


def _captured(payment: Payment, attempts: list[Payment], outcome: Outcome) -> Iterator[str]:
    booked = {row.gateway_transaction_id for row in attempts}
    captures = outcome.snapshot.captures if outcome.snapshot else ()
    fresh = [c for c in captures if c.transaction_id not in booked]
    if not fresh:
        return
    settled = payment.intent.payments.filter(role="settling").exists()
    owed = (payment.intent.amount_minor, payment.intent.currency)
    right = any((c.amount_minor, c.currency) == owed and not c.refunded_minor for c in fresh)
    if right and not settled:
        yield "the payment is captured and pays the order"
    else:
        yield "the payment is captured as surplus and sent back"


def _sent_back(attempts: list[Payment], outcome: Outcome) -> Iterator[str]:
    for row in (row for row in attempts if row.has_money):
        for fact in lost_refunds(row, outcome.snapshot):
            if fact.amount_minor <= row.refundable_minor:
                money = format_money(fact.amount_minor, row.captured_currency)
                yield f"a refund of {money} that the gateway made is booked"
