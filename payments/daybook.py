"""One gateway's statement of one UTC day against our rows: what agrees and what does not.

A charge goes by the gateway's transaction, a refund by our refund reference, whatever day our
row says: the two clocks may stand on two sides of midnight. What our rows have for the day and
its statement lacks is looked for in the days around before it is called missing there.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Q

from payments import breaker
from payments.gateways import base
from payments.models import Payment, Refund
from payments.models.refund import RefundState

DAY = timedelta(days=1)
#: A refund that we took note of long after the gateway made it is found this far back.
DAYS_AROUND_MAX = 31
LOOK_UP_BATCH = 1000


class Problem(StrEnum):
    """How the two books differ about one movement."""

    MISSING_HERE = "missing here"
    MISSING_THERE = "missing there"
    DIFFERING = "differing"


@dataclass(frozen=True)
class Difference:
    """One movement about which the gateway and we do not agree. Amounts in minor units."""

    problem: Problem
    kind: str  # "charge" or "refund"
    reference: str  # the payment's
    subject: str  # the gateway's transaction, or our refund reference
    order_reference: str
    there_minor: int | None
    here_minor: int | None
    currency: str
    at: str
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the row of the day keeps it."""
        return asdict(self)


@dataclass
class Sums:
    """One currency of one day at the gateway, in minor units."""

    charged: int = 0
    refunded: int = 0
    fees: int = 0

    @property
    def payout(self) -> int:
        """What the gateway owes us for the day."""
        return self.charged - self.refunded - self.fees


@dataclass
class Comparison:
    """What came of comparing one day."""

    matched: int = 0
    differences: list[Difference] = field(default_factory=list)
    sums: dict[str, Sums] = field(default_factory=dict)

    def count(self, problem: Problem) -> int:
        """How many movements have this problem."""
        return Counter(d.problem for d in self.differences)[problem]

    def totals(self) -> dict[str, dict[str, int]]:
        """Per currency, in minor units."""
        return {c: {**asdict(s), "payout": s.payout} for c, s in sorted(self.sums.items())}


def bounds(day: date) -> tuple[datetime, datetime]:
    """The first moment of a UTC day, and of the next."""
    first = datetime.combine(day, time.min, UTC)
    return first, first + DAY


def compare(gateway: str, day: date, rows: Sequence[base.StatementRow]) -> Comparison:
    """Match every movement of the day, both ways. Raises the gateway's Unknown and Refused."""
    result = Comparison()
    for row in rows:
        sums = result.sums.setdefault(row.currency, Sums())
        sums.fees += row.fee_minor
        if row.kind == "charge":
            sums.charged += row.amount_minor
        else:
            sums.refunded += row.amount_minor
    _there_to_here(gateway, rows, result)
    _here_to_there(gateway, day, rows, result)
    return result


def _there_to_here(gateway: str, rows: Sequence[base.StatementRow], result: Comparison) -> None:
    charges = _charges(gateway, [r.transaction_id for r in rows if r.kind == "charge"])
    refunds = _refunds(gateway, [r.refund_reference for r in rows if r.kind == "refund"])
    for row in rows:
        found = _judge_charge(row, charges) if row.kind == "charge" else _judge_refund(row, refunds)
        if found is None:
            result.matched += 1
        else:
            result.differences.append(found)


def _charges(gateway: str, transactions: Sequence[str]) -> dict[str, Payment]:
    found = Payment.objects.select_related("intent", "same_attempt_as").filter(gateway=gateway)
    return {
        str(payment.gateway_transaction_id): payment
        for batch in _batches(transactions)
        for payment in found.filter(gateway_transaction_id__in=batch)
    }


def _refunds(gateway: str, references: Sequence[str]) -> dict[str, Refund]:
    found = Refund.objects.select_related("payment__intent").filter(payment__gateway=gateway)
    return {
        refund.reference: refund
        for batch in _batches(references)
        for refund in found.filter(reference__in=batch)
    }


def _batches(wanted: Sequence[str]) -> Iterable[Sequence[str]]:
    return (wanted[i : i + LOOK_UP_BATCH] for i in range(0, len(wanted), LOOK_UP_BATCH))


def _judge_charge(row: base.StatementRow, ours: dict[str, Payment]) -> Difference | None:
    payment = ours.get(row.transaction_id)
    if payment is None:
        return _difference(Problem.MISSING_HERE, row, row.transaction_id, "", None)
    owner = payment.same_attempt_as or payment
    wrong = [
        name
        for name, there, here in (
            ("amount", row.amount_minor, payment.captured_minor),
            ("currency", row.currency, payment.captured_currency),
            ("reference", row.reference, owner.reference),
        )
        if there != here
    ]
    if not wrong:
        return None
    why = f"another {', '.join(wrong)}"
    told = (payment.intent.order_reference, payment.captured_minor, why)
    return _difference(Problem.DIFFERING, row, row.transaction_id, *told)


def _judge_refund(row: base.StatementRow, ours: dict[str, Refund]) -> Difference | None:
    refund = ours.get(row.refund_reference)
    if refund is None:
        return _difference(Problem.MISSING_HERE, row, row.refund_reference, "", None)
    wrong = []
    if (row.amount_minor, row.currency) != (refund.amount_minor, refund.currency):
        wrong.append("another amount or currency")
    if row.reference != refund.payment.reference and refund.payment.same_attempt_as_id is None:
        wrong.append("another payment")
    if refund.state != RefundState.DONE:
        wrong.append(f"here it is {refund.state}")
    if not wrong:
        return None
    told = (refund.payment.intent.order_reference, refund.amount_minor, ", ".join(wrong))
    return _difference(Problem.DIFFERING, row, row.refund_reference, *told)


def _difference(
    problem: Problem,
    row: base.StatementRow,
    subject: str,
    order_reference: str,
    here_minor: int | None,
    why: str = "",
) -> Difference:
    return Difference(
        problem=problem,
        kind=row.kind,
        reference=row.reference,
        subject=subject,
        order_reference=order_reference,
        there_minor=row.amount_minor,
        here_minor=here_minor,
        currency=row.currency,
        at=row.at.isoformat(),
        why=why,
    )


def _here_to_there(
    gateway: str, day: date, rows: Sequence[base.StatementRow], result: Comparison
) -> None:
    first, last = bounds(day)
    charged = {row.transaction_id for row in rows if row.kind == "charge"}
    captures = Payment.objects.select_related("intent").filter(
        Q(gateway=gateway), captured_at__gte=first, captured_at__lt=last
    )
    for payment in captures.order_by("captured_at").iterator():
        if payment.gateway_transaction_id not in charged:
            result.differences.append(_lacking_charge(payment))
    returned = {row.refund_reference for row in rows if row.kind == "refund"}
    for refund in _refunds_done(gateway, first, last):
        if refund.reference not in returned and not _elsewhere(gateway, day, refund):
            result.differences.append(_lacking_refund(refund))


def _refunds_done(gateway: str, first: datetime, last: datetime) -> Iterable[Refund]:
    done = Refund.objects.select_related("payment__intent").filter(
        payment__gateway=gateway, state=RefundState.DONE, done_at__gte=first, done_at__lt=last
    )
    # A transfer by hand is in no gateway's statement.
    return done.exclude(kind="manual").order_by("done_at").iterator()


def _elsewhere(gateway: str, day: date, refund: Refund) -> bool:
    """The gateway made it on another day than the one on which we took note of it."""
    began = max(refund.created_at.astimezone(UTC).date(), day - DAYS_AROUND_MAX * DAY)
    around = [day + DAY, *(day - n * DAY for n in range(1, (day - began).days + 2))]
    return any(
        row.refund_reference == refund.reference
        for other in around
        for row in breaker.statement(gateway, other)
    )


def _lacking_charge(payment: Payment) -> Difference:
    return Difference(
        problem=Problem.MISSING_THERE,
        kind="charge",
        reference=payment.reference,
        subject=payment.gateway_transaction_id or "",
        order_reference=payment.intent.order_reference,
        there_minor=None,
        here_minor=payment.captured_minor,
        currency=payment.captured_currency,
        at=payment.captured_at.isoformat() if payment.captured_at else "",
    )


def _lacking_refund(refund: Refund) -> Difference:
    return Difference(
        problem=Problem.MISSING_THERE,
        kind="refund",
        reference=refund.payment.reference,
        subject=refund.reference,
        order_reference=refund.payment.intent.order_reference,
        there_minor=None,
        here_minor=refund.amount_minor,
        currency=refund.currency,
        at=refund.done_at.isoformat() if refund.done_at else "",
    )
