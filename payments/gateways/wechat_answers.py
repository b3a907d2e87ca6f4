"""WeChat Pay's words in ours. Pure: every shape that was not promised is a ValueError, KeyError
or TypeError, which the adapter turns into `Unknown`.
"""

from __future__ import annotations

import re
from typing import Any

from payments.gateways import base
from payments.gateways.wire import moment, text, whole

REFERENCE = re.compile(r"[0-9A-Za-z_\-|*]{1,40}", re.ASCII)
ID = re.compile(r"[0-9A-Za-z_-]{6,64}", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
CODE_URL = re.compile(r"(weixin|https)://[!-~]{4,400}", re.ASCII)
NOT_FOUND = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"})
# The gateway's final "no" to this very request; every code that is not here is `Unknown`.
FINAL = frozenset({
    "ACCOUNT_ERROR", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS", "NOT_ENOUGH", "NO_AUTH", "NOAUTH",
    "PARAM_ERROR", "RULE_LIMIT", "USER_ACCOUNT_ABNORMAL",
})  # fmt: skip
# Our number is known already, or stands for something else: the payment itself says which.
ASK_AGAIN = frozenset({
    "INVALID_REQUEST", "ORDERPAID", "ORDER_CLOSED", "ORDER_PAID", "OUT_TRADE_NO_USED",
    "TRADE_ERROR", "USERPAYING", "USER_PAYING",
})  # fmt: skip
PAID = frozenset({"SUCCESS", "REFUND"})
STATES = {
    "NOTPAY": base.State.PENDING,
    "USERPAYING": base.State.PENDING,
    "PAYERROR": base.State.PENDING,  # that attempt failed; the code can be scanned again
    "CLOSED": base.State.CLOSED,
    "REVOKED": base.State.CLOSED,
}
REFUND_STATES = {
    "SUCCESS": base.RefundState.DONE,
    "PROCESSING": base.RefundState.PENDING,
    "ABNORMAL": base.RefundState.FAILED,
    "CLOSED": base.RefundState.FAILED,
}
# What a person has to know about the two ways to fail.
REFUND_NOTES = {
    "ABNORMAL": "abnormal: the shopper's card cannot take it; act at the merchant's desk",
    "CLOSED": "closed: nothing was sent back",
}


def code(status: int, answer: dict[str, Any]) -> str:
    """Why a request was not done, or nothing."""
    told = str(answer.get("code", ""))[:60]
    return told or f"HTTP {status}" if status >= 300 or "code" in answer else ""


def accepted(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of a request that was done; raises Refused or Unknown otherwise."""
    why = code(status, answer)
    if not why:
        return answer
    if why in FINAL:
        raise base.Refused(why)
    raise base.Unknown(f"HTTP {status} {why}")


def snapshot(answer: dict[str, Any], *, was_paid: bool) -> base.Snapshot:
    """A payment as it is queried by out_trade_no.

    REFUND says that something went back, not how much: of a payment that we never booked, what
    is left of it cannot be told.
    """
    state = answer["trade_state"]
    if state == "REFUND" and not was_paid:
        raise ValueError("refunded before it was booked: how much is left is not told")
    return base.Snapshot(
        state=base.State.CAPTURED if state in PAID else STATES[state],
        reference=text(answer["out_trade_no"]),
        merchant=text(answer["mchid"]),
        order_reference=text(answer.get("attach", "")),
        method="qr",
        captures=(_capture(answer),) if state in PAID else (),
        note="PAYERROR" if state == "PAYERROR" else "",
    )


def refund_snapshot(answer: dict[str, Any]) -> base.RefundSnapshot:
    """A refund as the gateway shows it, asked for or sent."""
    status = answer["status"]
    amount = answer["amount"]
    return base.RefundSnapshot(
        REFUND_STATES[status],
        gateway_id=matching(answer["refund_id"], ID),
        amount_minor=whole(amount["refund"]),
        currency=matching(amount["currency"], CURRENCY),
        note=REFUND_NOTES.get(status, ""),
    )


def hint(event: dict[str, Any], told: dict[str, Any]) -> base.NotificationHint:
    """Whom a notification is about: `told` is what was sealed in it."""
    kind = matching(event["event_type"], re.compile(r"[A-Z]{2,20}\.[A-Z_]{2,30}", re.ASCII))
    refund = told["out_refund_no"] if kind.startswith("REFUND.") else ""
    return base.NotificationHint(
        notification_id=matching(event["id"], ID),
        kind=kind,
        reference=matching(told["out_trade_no"], REFERENCE),
        refund_reference=matching(refund, REFERENCE) if refund else "",
    )


def matching(value: object, pattern: re.Pattern[str]) -> str:
    """A string of this form, or ValueError."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not of the agreed form")
    return value


def _capture(answer: dict[str, Any]) -> base.Capture:
    amount = answer["amount"]
    if whole(amount["total"]) <= 0:
        raise ValueError("not an amount")
    return base.Capture(
        transaction_id=matching(answer["transaction_id"], ID),
        amount_minor=whole(amount["total"]),
        currency=matching(amount["currency"], CURRENCY),
        captured_at=moment(answer["success_time"]),
    )
