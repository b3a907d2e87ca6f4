"""The simulated bank's words in ours. Pure: every shape that was not promised is a ValueError,
KeyError or TypeError, which the adapter turns into `Unknown`.
"""

from __future__ import annotations

import re
from typing import Any

from payments.gateways import base
from payments.gateways.wire import moment, text, whole

REFERENCE = re.compile(r"[A-Za-z0-9_-]{6,64}", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
KIND = re.compile(r"[a-z_]{1,30}\.[a-z_]{1,30}", re.ASCII)
# A final "no" to this request. The others (401, 403, 404, 409) say that something is wrong
# here or there, but not that no money can come under our reference.
FINAL = frozenset({400, 402, 422})
STATES = {
    "open": base.State.PENDING,
    "paid": base.State.CAPTURED,
    "declined": base.State.DECLINED,
    "closed": base.State.CLOSED,
}
SECRET_FIELDS = {"embedded": ("client_token",)}


def is_not_found(status: int, answer: dict[str, Any]) -> bool:
    """The bank itself says that it does not know the reference."""
    return status == 404 and answer.get("error") == "not_found"


def accepted(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of a request that was done; raises Refused or Unknown otherwise."""
    if status < 300:
        return answer
    error = str(answer.get("error", ""))[:60]
    if status in FINAL and error:
        raise base.Refused(error)
    raise base.Unknown(f"HTTP {status} {error}")


def snapshot(answer: dict[str, Any]) -> base.Snapshot:
    """A payment as the bank shows it."""
    captures = tuple(_capture(row) for row in answer["captures"])
    state = STATES[answer["state"]]
    if (state is base.State.CAPTURED) != bool(captures):
        raise ValueError("paid without a capture, or the reverse")
    return base.Snapshot(
        state=state,
        gateway_id=text(answer["id"]),
        reference=text(answer["reference"]),
        merchant=text(answer["merchant"]),
        order_reference=text(answer["order_reference"]),
        method=text(answer["method"]),
        captures=captures,
        refunds=tuple(_refund(row) for row in answer["refunds"]),
        presentation=_presentation(answer["presentation"]),
        expires_at=moment(answer["expires_at"]),
        note=text(answer["last_decline"] or ""),
    )


def refund_snapshot(answer: dict[str, Any]) -> base.RefundSnapshot:
    """A refund as the bank shows it."""
    return base.RefundSnapshot(
        state=base.RefundState(answer["state"]),
        gateway_id=text(answer["id"]),
        amount_minor=whole(answer["amount_minor"]),
        currency=_matching(answer["currency"], CURRENCY),
    )


def hint(event: dict[str, Any]) -> base.NotificationHint:
    """Whom a notification is about."""
    kind = _matching(event["type"], KIND)
    about_refund = kind.startswith("refund.")
    return base.NotificationHint(
        notification_id=_matching(event["id"], REFERENCE),
        kind=kind,
        reference=_matching(event["payment_reference"], REFERENCE),
        refund_reference=_matching(event["reference"], REFERENCE) if about_refund else "",
    )


def statement_row(row: dict[str, Any]) -> base.StatementRow:
    """One movement; a refund's own reference stands beside its payment's."""
    kind = _matching(row["kind"], re.compile("charge|refund"))
    return base.StatementRow(
        kind=kind,
        reference=text(row["payment_reference"]),
        refund_reference=text(row["reference"]) if kind == "refund" else "",
        transaction_id=text(row["transaction_id"]),
        amount_minor=whole(row["amount_minor"]),
        currency=_matching(row["currency"], CURRENCY),
        at=moment(row["at"]),
        fee_minor=whole(row["fee_minor"]),
    )


def _capture(row: dict[str, Any]) -> base.Capture:
    return base.Capture(
        transaction_id=text(row["transaction_id"]),
        amount_minor=_amount(row["amount_minor"]),
        currency=_matching(row["currency"], CURRENCY),
        captured_at=moment(row["paid_at"]),
        refunded_minor=whole(row["refunded_minor"]),
    )


def _refund(row: dict[str, Any]) -> base.RefundFact:
    return base.RefundFact(
        reference=text(row["reference"]),
        transaction_id=text(row["transaction_id"]),
        amount_minor=whole(row["amount_minor"]),
        state=base.RefundState(row["state"]),
    )


def _presentation(content: dict[str, Any] | None) -> base.Presentation | None:
    if content is None:
        return None
    fields = dict(content)
    kind = text(fields.pop("kind"))
    return base.Presentation(kind, fields, SECRET_FIELDS.get(kind, ()))


def _amount(value: object) -> int:
    """Money that was taken, if only a little: nothing and less than nothing is no capture."""
    amount = whole(value)
    if amount <= 0:
        raise ValueError("not an amount")
    return amount


def _matching(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not of the agreed form")
    return value
