"""Trades: what the merchant's calls do to the books, and what they are told of them.

A trade comes into being when the shopper scans or logs in; before that nobody knows of it but
whoever holds the code.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from simulator import payments, refunds
from simulator.alipay.signing import china_time, from_china_time, in_fen, in_yuan, span_seconds
from simulator.books import Books, Refusal

GATEWAY = "alipay"
# A code or link without a time of its own (the provider's parameter table).
CODE_SECONDS, LINK_SECONDS = 2 * 3600, 15 * 86_400
OUT_NUMBER_MAX = 64
Content = dict[str, Any]


class Failed(Exception):
    """A business failure: code 40004 and a sub code."""

    def __init__(self, sub_code: str) -> None:
        super().__init__(sub_code)
        self.sub_code = sub_code


def open_trade(
    books: Books, method: str, content: Content, notify_url: str, return_url: str
) -> sqlite3.Row:
    """Remember what a code or link stands for; the same request finds the same. Raises Failed."""
    number, amount = _number(content), in_fen(content.get("total_amount"))
    if amount is None or not content.get("subject"):
        raise Failed("ACQ.INVALID_PARAMETER")
    fingerprint = json.dumps([method, content, notify_url], sort_keys=True)
    known = payments.find(books, number)
    if known:
        return _known(known[0], fingerprint)
    expires_at = _expires_at(books, method, content)
    if expires_at <= books.now():
        raise Failed("ACQ.INVALID_PARAMETER")
    if books.faults.strikes("refuse_create", "create"):
        raise Failed("ACQ.ACCESS_FORBIDDEN")
    row = payments.insert(
        books, GATEWAY, merchant=books.merchant, reference=number, idempotency_key=number,
        fingerprint=fingerprint, method=method, amount_minor=amount, currency="CNY",
        order_reference=str(content.get("body", "")), subject=str(content["subject"]),
        created_at=books.now(), expires_at=expires_at, notify_url=notify_url,
        return_url=return_url, locale="zh-hans",
    )  # fmt: skip
    if books.faults.strikes("decline_create", "create"):
        payments.decline(books, row, "not_permitted", final=True)
    return row


def scan(books: Books, row: sqlite3.Row) -> None:
    """The shopper scanned the code or logged in: from now on there is a trade."""
    facts = json.loads(row["facts"]) | {"scanned": True}
    books.write("UPDATE payments SET facts = ? WHERE id = ?", json.dumps(facts), row["id"])


def exists(row: sqlite3.Row) -> bool:
    """Whether anybody did scan or log in."""
    return row["state"] in ("paid", "declined") or json.loads(row["facts"]).get("scanned", False)


def find(books: Books, content: Content) -> sqlite3.Row:
    """The trade of a number. Raises Failed."""
    known = payments.find(books, _number(content))
    if not known or known[0]["gateway"] != GATEWAY or not exists(known[0]):
        raise Failed("ACQ.TRADE_NOT_EXIST")
    return known[0]


def describe(books: Books, row: sqlite3.Row, *, held: bool = False) -> Content:
    """What alipay.trade.query tells; `held`: as if it were not paid yet."""
    capture = None if held else capture_of(books, row)
    told = {
        "trade_no": row["id"],
        "out_trade_no": row["reference"],
        "buyer_logon_id": "ada***@example.com",
        "trade_status": "WAIT_BUYER_PAY" if held else status(books, row),
        "total_amount": in_yuan(capture["amount_minor"] if capture else row["amount_minor"]),
        "buyer_user_id": "2088000000000042",
        "point_amount": "",
    }
    if capture is not None:
        told["send_pay_date"] = china_time(capture["paid_at"])
        if capture["currency"] != "CNY":
            told["trans_currency"] = capture["currency"]
    return told


def status(books: Books, row: sqlite3.Row) -> str:
    """A trade whose money went back as a whole is closed, like one that nobody paid."""
    if row["state"] == "open":
        return "WAIT_BUYER_PAY"
    capture = capture_of(books, row)
    left = capture is not None and refunded_minor(books, row) < capture["amount_minor"]
    return "TRADE_SUCCESS" if left else "TRADE_CLOSED"


def close(books: Books, row: sqlite3.Row) -> Content:
    """Only while it waits for the shopper. Raises Failed."""
    refused = books.faults.strikes("refuse_close", "close")
    if row["state"] != "open" or not payments.close(books, row, refused=refused):
        raise Failed("ACQ.TRADE_STATUS_ERROR")
    return _named(row)


def cancel(books: Books, row: sqlite3.Row) -> Content:
    """What is not a close: a paid trade's money goes back. Raises Failed."""
    capture = capture_of(books, row)
    if capture is None:
        payments.close(books, row)
        return _named(row) | {"retry_flag": "N", "action": "close"}
    left = in_yuan(capture["amount_minor"] - refunded_minor(books, row))
    refund(books, row, {"out_request_no": f"cancel_{row['id']}", "refund_amount": left})
    return _named(row) | {"retry_flag": "N", "action": "refund"}


def refund(books: Books, row: sqlite3.Row, content: Content) -> Content:
    """Send money back once for each out_request_no. Raises Failed."""
    capture, amount = capture_of(books, row), in_fen(content.get("refund_amount"))
    if capture is None:
        raise Failed("ACQ.TRADE_STATUS_ERROR")
    if amount is None:
        raise Failed("ACQ.INVALID_PARAMETER")
    new, told = _refunded(books, row, capture, content, amount)
    if told["state"] == "failed":
        raise Failed("ACQ.TRADE_NOT_ALLOW_REFUND")
    done = told["state"] == "done"
    return _named(row) | {
        "buyer_user_id": "2088000000000042",
        "fund_change": "Y" if new and done else "N",
        "refund_fee": in_yuan(refunded_minor(books, row)),
    }


def query_refund(books: Books, row: sqlite3.Row, content: Content) -> Content:
    """Its data once it is done; nothing but "understood" before."""
    refunds.pass_time(books)
    found = refunds.find(books, str(content.get("out_request_no", "")))
    if found is None or found["payment_reference"] != row["reference"] or found["state"] != "done":
        return {}
    capture = capture_of(books, row)
    return _named(row) | {
        "out_request_no": found["reference"],
        "refund_amount": in_yuan(found["amount_minor"]),
        "total_amount": in_yuan(capture["amount_minor"] if capture else row["amount_minor"]),
        "refund_status": "REFUND_SUCCESS",
    } | ({"trans_currency": found["currency"]} if found["currency"] != "CNY" else {})  # fmt: skip


def capture_of(books: Books, row: sqlite3.Row) -> sqlite3.Row | None:
    """The money that the trade took."""
    return books.one("SELECT * FROM captures WHERE payment_id = ?", row["id"])


def refunded_minor(books: Books, row: sqlite3.Row) -> int:
    """How much of it went back."""
    done = books.the(
        "SELECT coalesce(sum(amount_minor), 0) AS minor FROM refunds"
        " WHERE payment_reference = ? AND state = 'done'", row["reference"],
    )  # fmt: skip
    return int(done["minor"])


def _refunded(
    books: Books, row: sqlite3.Row, capture: sqlite3.Row, content: Content, amount: int
) -> tuple[bool, sqlite3.Row]:
    number = str(content.get("out_request_no") or row["reference"])
    refunds.pass_time(books)
    try:
        return refunds.open_refund(
            books, GATEWAY, f"{row['reference']} {amount}", reference=number,
            payment_reference=row["reference"], transaction_id=capture["transaction_id"],
            amount_minor=amount, currency=content.get("refund_currency", "CNY"),
            reason=str(content.get("refund_reason", "")),
        )  # fmt: skip
    except Refusal as refusal:
        raise Failed(REFUND_REFUSALS[refusal.error]) from None


REFUND_REFUSALS = {
    "reference_reused": "ACQ.DISCORDANT_REPEAT_REQUEST",
    "over_refund": "ACQ.REASON_TRADE_REFUND_FEE_ERR",
    "wrong_currency": "ACQ.CURRENCY_NOT_SUPPORT",
    "unknown_transaction": "ACQ.TRADE_STATUS_ERROR",
    "not_accepted": "ACQ.SELLER_BALANCE_NOT_ENOUGH",
}


def _known(row: sqlite3.Row, fingerprint: str) -> sqlite3.Row:
    if row["state"] == "paid":
        raise Failed("ACQ.TRADE_HAS_SUCCESS")
    if row["state"] != "open":
        raise Failed("ACQ.TRADE_HAS_CLOSE")
    if row["fingerprint"] != fingerprint:
        raise Failed("ACQ.CONTEXT_INCONSISTENT")
    return row


def _expires_at(books: Books, method: str, content: Content) -> float:
    """The earliest of the times that were asked for."""
    spans = [span_seconds(content.get(name)) for name in ("timeout_express",
                                                          "qr_code_timeout_express")]  # fmt: skip
    asked = [books.now() + span for span in spans if span]
    absolute = from_china_time(content.get("time_expire"))
    if absolute is not None:
        asked.append(absolute)
    elif "time_expire" in content:
        raise Failed("ACQ.INVALID_PARAMETER")
    return min(asked, default=books.now() + (CODE_SECONDS if method == "qr" else LINK_SECONDS))


def _number(content: Content) -> str:
    number = content.get("out_trade_no")
    good = isinstance(number, str) and number.replace("_", "").isalnum() and number.isascii()
    if not good or len(str(number)) > OUT_NUMBER_MAX:
        raise Failed("ACQ.INVALID_PARAMETER")
    return str(number)


def _named(row: sqlite3.Row) -> Content:
    return {"trade_no": row["id"], "out_trade_no": row["reference"]}
