"""Razorpay's words in ours. Pure: every shape that was not promised is a ValueError, KeyError or
TypeError, which the adapter turns into `Unknown`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from payments.gateways import base
from payments.gateways.wire import text, whole

Entity = Mapping[str, Any]

ID = re.compile(r"[a-z]{2,10}_[A-Za-z0-9]{6,40}", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
WORD = re.compile(r"[A-Za-z0-9_.-]{1,60}", re.ASCII)
PAYMENTS = frozenset({"created", "authorized", "captured", "refunded", "failed"})
REFUNDS = {
    "pending": base.RefundState.PENDING,
    "processed": base.RefundState.DONE,
    "failed": base.RefundState.FAILED,
}
# A link that can still be paid, one that was, and those that never can be again.
LINKS = {"created": "open", "partially_paid": "open", "paid": "paid", "cancelled": "dead",
         "expired": "dead"}  # fmt: skip
CHECKOUTS = frozenset({"created", "attempted", "paid"})


@dataclass(frozen=True)
class Found:
    """One of our references at Razorpay: an order or a link, and every payment made for it."""

    gateway_id: str
    reference: str
    method: str
    order_reference: str
    amount_minor: int
    currency: str
    payments: tuple[Entity, ...]
    is_dead: bool = False  # its own word: cancelled or run out

    @property
    def authorized(self) -> Entity | None:
        """The payment that waits for a capture; none where another one was captured."""
        waiting = [payment for payment in self.payments if payment["status"] == "authorized"]
        if not waiting or captures(self.payments):
            return None
        return min(waiting, key=lambda payment: (payment["created_at"], payment["id"]))


def checkout_with(receipt: str, listed: Entity) -> Found | None:
    """All orders with exactly this receipt as one: the filter finds those that contain it too."""
    own = _exactly(receipt, "receipt", items(listed))
    if not own:
        return None
    # The oldest is the one that was shown; a younger twin came from a create that was late.
    # Lists begin with the newest, which settles two of the same second.
    own.reverse()
    own.sort(key=lambda entity: whole(entity["created_at"]))
    for entity in own:
        if entity["status"] not in CHECKOUTS:
            raise ValueError("an order in a state that was never told of")
    paid = [payment for entity in own for payment in _payments_of(entity)]
    return _found(own[0], receipt, "checkout", paid)


def checkout(entity: Entity, receipt: str) -> Found:
    """An order that was made just now."""
    if entity["receipt"] != receipt:
        raise base.Unknown("the answer is about another reference")
    return _found(entity, receipt, "checkout", ())


def link_with(reference: str, listed: Entity) -> Entity | None:
    """The link with exactly this reference_id; Razorpay allows no second one."""
    links = listed["payment_links"]
    if not isinstance(links, list):
        raise ValueError("not a list")
    return next(iter(_exactly(reference, "reference_id", links)), None)


def link(entity: Entity, reference: str, payments: Sequence[Entity]) -> Found:
    """A link with the payments of its order."""
    if entity["reference_id"] != reference:
        raise base.Unknown("the answer is about another reference")
    found = _found(entity, reference, "link", payments)
    standing = LINKS[entity["status"]]
    if standing == "paid" and not captures(payments):
        raise ValueError("a paid link without a captured payment")
    return replace(found, is_dead=standing == "dead")


def payments_under(gateway_order_id: str, listed: Entity) -> list[Entity]:
    """Every payment of this order, and none of another."""
    paid = items(listed)
    if any(payment["order_id"] != gateway_order_id for payment in paid):
        raise base.Unknown("the answer is about another payment")
    return paid


def snapshot(
    found: Found,
    *,
    merchant: str,
    is_over: bool,
    presentation: base.Presentation | None = None,
    expires_at: datetime | None = None,
    refunds: Sequence[base.RefundFact] = (),
) -> base.Snapshot:
    """`is_over`: an order, which never ends, is ours no more; nothing is taken without us."""
    taken, note = captures(found.payments), ""
    if taken:
        state = base.State.CAPTURED
    elif found.authorized is not None:
        state = base.State.AUTHORIZED
    elif found.is_dead or is_over:
        state = base.State.CLOSED
    else:
        state = base.State.PENDING
        note = _last_failure(found.payments)
    return base.Snapshot(
        state=state,
        gateway_id=found.gateway_id,
        reference=found.reference,
        merchant=merchant,
        order_reference=found.order_reference,
        method=found.method,
        captures=taken,
        refunds=tuple(refunds),
        presentation=presentation if state is base.State.PENDING else None,
        expires_at=expires_at,
        note=note,
    )


def captures(payments: Sequence[Entity]) -> tuple[base.Capture, ...]:
    """Payments that took money. One that was given back without a capture took none."""
    for payment in payments:
        if payment["status"] not in PAYMENTS or type(payment["captured"]) is not bool:
            raise ValueError("a payment in a state that was never told of")
    return tuple(
        base.Capture(
            transaction_id=matching(payment["id"], ID),
            amount_minor=_amount(payment["amount"]),
            currency=matching(payment["currency"], CURRENCY),
            captured_at=moment(payment["created_at"]),
            refunded_minor=whole(payment["amount_refunded"]),
        )
        for payment in payments
        if payment["captured"] and payment["status"] in ("captured", "refunded")
    )


def refund_with(reference: str, refunds: Sequence[Entity]) -> Entity | None:
    """The refund that carries our reference as its receipt (whose key it had beside it)."""
    return next((refund for refund in refunds if refund["receipt"] == reference), None)


def refund_snapshot(entity: Entity, payment_id: str) -> base.RefundSnapshot:
    """A refund as Razorpay shows it."""
    if entity["payment_id"] != payment_id:
        raise base.Unknown("the answer is about a refund of another payment")
    return base.RefundSnapshot(
        state=REFUNDS[entity["status"]],
        gateway_id=matching(entity["id"], ID),
        amount_minor=whole(entity["amount"]),
        currency=matching(entity["currency"], CURRENCY),
    )


def refund_fact(entity: Entity) -> base.RefundFact:
    """A refund beside its payment."""
    return base.RefundFact(
        reference=text(entity["receipt"] or ""),
        transaction_id=matching(entity["payment_id"], ID),
        amount_minor=whole(entity["amount"]),
        state=REFUNDS[entity["status"]],
    )


def noted(entity: Entity, name: str) -> str:
    """One of our notes; Razorpay writes no notes as an empty list."""
    notes = entity.get("notes")
    return text(notes.get(name) or "") if isinstance(notes, dict) else ""


def items(listed: Entity) -> list[Entity]:
    """The entities of a collection."""
    found = listed["items"]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError("not a list")
    return found


def moment(value: object) -> datetime:
    """Seconds since 1970."""
    try:
        return datetime.fromtimestamp(whole(value), UTC)
    except (OverflowError, OSError):
        raise ValueError("a time outside of the calendar") from None


def address(value: object) -> str:
    """A web address, or ValueError."""
    return matching(value, re.compile(r"https?://[^\s\"<>]{3,500}"))


def matching(value: object, pattern: re.Pattern[str]) -> str:
    """A text of this form, or ValueError."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not of the agreed form")
    return value


def _exactly(reference: str, name: str, found: Sequence[Entity]) -> list[Entity]:
    """Those with this reference among those that contain it; any other was not asked for."""
    if not all(reference in text(one[name]) for one in found):
        raise base.Unknown("the answer is about another reference")
    return [one for one in found if one[name] == reference]


def _found(entity: Entity, reference: str, method: str, payments: Sequence[Entity]) -> Found:
    return Found(
        gateway_id=matching(entity["id"], ID),
        reference=reference,
        method=method,
        order_reference=noted(entity, "order_reference"),
        amount_minor=whole(entity["amount"]),
        currency=matching(entity["currency"], CURRENCY),
        payments=tuple(payments),
    )


def _payments_of(entity: Entity) -> list[Entity]:
    return payments_under(entity["id"], entity["payments"] or {"items": []})


def _last_failure(payments: Sequence[Entity]) -> str:
    failed = [payment for payment in payments if payment["status"] == "failed"]
    if not failed:
        return ""
    last = max(failed, key=lambda payment: whole(payment["created_at"]))
    code = last.get("error_reason") or last.get("error_code") or "failed"
    return matching(code, WORD)


def _amount(value: object) -> int:
    amount = whole(value)
    if amount <= 0:
        raise ValueError("not an amount")
    return amount
