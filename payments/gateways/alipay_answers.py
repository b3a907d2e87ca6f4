"""Alipay's words in ours. Pure: every shape that was not promised is a ValueError, KeyError or
TypeError, which the adapter turns into `Unknown`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from payments.gateways import base
from payments.gateways.wire import text
from payments.gateways.yuan import CURRENCY, from_beijing_time, in_fen

REFERENCE = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)
TRADE = re.compile(r"[A-Za-z0-9_]{6,64}", re.ASCII)
CURRENCY_FORM = re.compile(r"[A-Z]{3}", re.ASCII)
DONE, BUSINESS_FAILED = "10000", "40004"
NOT_SEEN = "ACQ.TRADE_NOT_EXIST"
# The gateway's final "no" to this very request. Every code that is not here is `Unknown`:
# among them SYSTEM_ERROR ("ask again"), and what says that our number means another trade.
FINAL = frozenset({
    "ACQ.ACCESS_FORBIDDEN", "ACQ.BEYOND_PAY_RESTRICTION", "ACQ.BEYOND_PER_RECEIPT_RESTRICTION",
    "ACQ.CURRENCY_NOT_SUPPORT", "ACQ.EXIST_FORBIDDEN_WORD", "ACQ.INVALID_PARAMETER",
    "ACQ.INVALID_STORE_ID", "ACQ.NOT_ALLOW_PARTIAL_REFUND", "ACQ.NOT_SUPPORT_PRODUCT",
    "ACQ.PARTNER_ERROR", "ACQ.PRODUCT_AMOUNT_LIMIT_ERROR", "ACQ.REASON_TRADE_REFUND_FEE_ERR",
    "ACQ.REFUND_AMT_RESTRICTION", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "ACQ.TOTAL_FEE_EXCEED",
    "ACQ.TRADE_HAS_FINISHED", "ACQ.TRADE_NOT_ALLOW_REFUND",
})  # fmt: skip
# A create or a close that comes too late: the trade itself says what became of it.
DECIDED_EARLIER = frozenset({
    "ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE", "ACQ.TRADE_STATUS_ERROR",
    "ACQ.REASON_TRADE_STATUS_INVALID", "ACQ.TRADE_HAS_FINISHED",
})  # fmt: skip


def failure(answer: Mapping[str, Any]) -> str:
    """The sub code of a business failure, or nothing."""
    return str(answer.get("sub_code", "")) if answer["code"] == BUSINESS_FAILED else ""


def accepted(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of a request that was done; raises Refused or Unknown otherwise."""
    if answer["code"] == DONE:
        return answer
    code = failure(answer)
    if code in FINAL:
        raise base.Refused(code)
    raise base.Unknown(f"{str(answer['code'])[:10]} {str(answer.get('sub_code', ''))[:60]}")


def snapshot(answer: dict[str, Any], merchant: str, *, was_paid: bool) -> base.Snapshot:
    """A trade as alipay.trade.query shows it.

    TRADE_CLOSED is a trade that nobody paid, or one that was paid and has gone back as a whole:
    only a paid one has `send_pay_date`.
    """
    status = answer["trade_status"]
    paid = status in ("TRADE_SUCCESS", "TRADE_FINISHED")
    refunded = status == "TRADE_CLOSED" and bool(answer.get("send_pay_date"))
    if status == "TRADE_CLOSED" and was_paid and not refunded:
        raise ValueError("closed after a payment, and no word of the payment")
    if not paid and status not in ("WAIT_BUYER_PAY", "TRADE_CLOSED"):
        raise ValueError("not a state")
    state = base.State.PENDING if status == "WAIT_BUYER_PAY" else base.State.CLOSED
    return base.Snapshot(
        state=base.State.CAPTURED if paid or refunded else state,
        gateway_id=matching(answer["trade_no"], TRADE),
        reference=text(answer["out_trade_no"]),
        merchant=merchant,
        captures=(_capture(answer, refunded=refunded),) if paid or refunded else (),
    )


def refund_snapshot(answer: dict[str, Any]) -> base.RefundSnapshot:
    """A refund as alipay.trade.fastpay.refund.query shows it.

    "10000" alone says that the question was understood. Without the refund's data it has not
    happened, or not yet: sending the same number again is the way to find out, and is safe.
    """
    status = answer.get("refund_status")
    if status not in (None, "", "REFUND_SUCCESS"):
        raise ValueError("not a state of a refund")
    if not status and not answer.get("refund_amount"):
        return base.RefundSnapshot(base.RefundState.NOT_FOUND)
    return base.RefundSnapshot(
        base.RefundState.DONE, amount_minor=in_fen(answer["refund_amount"]), currency=_money(answer)
    )


def hint(fields: Mapping[str, str]) -> base.NotificationHint:
    """Whom a notification is about; `out_biz_no` is a refund's own number."""
    about_refund = bool(fields.get("gmt_refund") or fields.get("refund_fee"))
    status = matching(fields["trade_status"], re.compile(r"[A-Z_]{4,40}", re.ASCII))
    refund = fields.get("out_biz_no", "") if about_refund else ""
    return base.NotificationHint(
        notification_id=matching(fields["notify_id"], re.compile(r"[!-~]{6,100}")),
        kind=f"refund.{status}" if about_refund else status,
        reference=matching(fields["out_trade_no"], REFERENCE),
        refund_reference=matching(refund, REFERENCE) if refund else "",
        gateway_id=matching(fields["trade_no"], TRADE),
    )


def address(value: object) -> str:
    """What a code shows: short enough to be scanned."""
    return matching(value, re.compile(r"https?://[!-~]{4,400}", re.ASCII))


def matching(value: object, pattern: re.Pattern[str]) -> str:
    """A string of this form, or ValueError."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not of the agreed form")
    return value


def _capture(answer: dict[str, Any], *, refunded: bool) -> base.Capture:
    amount = in_fen(answer["total_amount"])
    if amount <= 0:
        raise ValueError("not an amount")
    return base.Capture(
        transaction_id=matching(answer["trade_no"], TRADE),
        amount_minor=amount,
        currency=_money(answer),
        captured_at=from_beijing_time(answer["send_pay_date"]),
        # A part that went back is not told here, only the whole.
        refunded_minor=amount if refunded else 0,
    )


def _money(answer: dict[str, Any]) -> str:
    """The currency of the amounts: named only where it is not yuan."""
    return matching(answer.get("trans_currency") or CURRENCY, CURRENCY_FORM)
