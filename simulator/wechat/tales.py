"""What the merchant's calls do to the books, and what they are told of them."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import datetime
from typing import Any

from simulator import payments, refunds
from simulator.books import Books, Refusal
from simulator.wechat.signing import APPID, MCHID, china_time

GATEWAY = "wechat"
NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{6,32}", re.ASCII)
REFUND_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}", re.ASCII)
# Seven days where the merchant names no time; it must be a minute away at least.
LIFE_SECONDS, LIFE_SECONDS_MIN = 7 * 86_400, 60
REFUND_STATUS = {"pending": "PROCESSING", "done": "SUCCESS", "failed": "ABNORMAL"}
Content = dict[str, Any]


class Said(Exception):
    """The platform says no: an HTTP status and its code."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message or code


def open_order(books: Books, body: Content) -> sqlite3.Row:
    """Open it, or find what the same request opened. Raises Said."""
    wanted = _order(books, body)
    fingerprint = json.dumps(body, sort_keys=True)
    known = payments.find(books, wanted["reference"])
    if known:
        return _known(known[0], fingerprint)
    if wanted["expires_at"] < books.now() + LIFE_SECONDS_MIN * min(1.0, books.time_factor):
        raise Said(400, "PARAM_ERROR", "time_expire")
    if books.faults.strikes("refuse_create", "create"):
        raise Said(403, "RULE_LIMIT")
    row = payments.insert(
        books, GATEWAY, merchant=books.merchant, method="qr", fingerprint=fingerprint,
        idempotency_key=wanted["reference"], created_at=books.now(), return_url="",
        locale="zh-hans", **wanted,
    )  # fmt: skip
    if books.faults.strikes("decline_create", "create"):
        payments.decline(books, row, "not_permitted", final=True)
    return row


def find(books: Books, number: str) -> sqlite3.Row:
    """The order of a number. Raises Said."""
    known = payments.find(books, number)
    if not known or known[0]["gateway"] != GATEWAY:
        raise Said(404, "ORDER_NOT_EXIST")
    return known[0]


def describe(books: Books, row: sqlite3.Row, *, held: bool = False) -> Content:
    """What a query tells; `held`: as if it were not paid yet."""
    capture = None if held else capture_of(books, row)
    told: Content = {
        "appid": APPID,
        "mchid": MCHID,
        "out_trade_no": row["reference"],
        "attach": row["order_reference"],
        "trade_state": "NOTPAY" if held else state(books, row),
        "trade_state_desc": "",
        "amount": {"total": row["amount_minor"], "currency": row["currency"]},
    }
    if capture is not None:
        minor, currency = capture["amount_minor"], capture["currency"]
        told |= {
            "transaction_id": capture["transaction_id"],
            "trade_type": "NATIVE",
            "bank_type": "OTHERS",
            "success_time": china_time(capture["paid_at"]),
            "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            "amount": {"total": minor, "payer_total": minor, "currency": currency,
                       "payer_currency": currency},
        }  # fmt: skip
    return told


def state(books: Books, row: sqlite3.Row) -> str:
    """Out of time is not closed: that takes the merchant's word."""
    if row["state"] == "paid":
        gone = books.one(
            "SELECT 1 FROM refunds WHERE payment_reference = ? AND state != 'failed'",
            row["reference"],
        )
        return "REFUND" if gone else "SUCCESS"
    if json.loads(row["facts"]).get("closed"):
        return "CLOSED"
    return "PAYERROR" if row["state"] == "declined" else "NOTPAY"


def close(books: Books, row: sqlite3.Row) -> None:
    """Nobody can pay it any more. Raises Said."""
    if row["state"] == "paid":
        raise Said(400, "ORDERPAID")
    if json.loads(row["facts"]).get("closed"):
        raise Said(400, "ORDER_CLOSED")
    if not payments.close(books, row, refused=books.faults.strikes("refuse_close", "close")):
        raise Said(202, "USERPAYING")
    facts = json.loads(row["facts"]) | {"closed": True}
    books.write("UPDATE payments SET facts = ? WHERE id = ?", json.dumps(facts), row["id"])


def refund(books: Books, body: Content) -> Content:
    """Send money back once for each out_refund_no. Raises Said."""
    number, amount = str(body.get("out_refund_no", "")), body.get("amount")
    if not REFUND_NUMBER.fullmatch(number) or not isinstance(amount, dict):
        raise Said(400, "PARAM_ERROR")
    row = find(books, str(body.get("out_trade_no", "")))
    capture = capture_of(books, row)
    if capture is None:
        raise Said(404, "RESOURCE_NOT_EXISTS")
    minor, total = amount.get("refund"), amount.get("total")
    if type(minor) is not int or minor <= 0:
        raise Said(400, "PARAM_ERROR")
    if total != capture["amount_minor"]:
        raise Said(400, "INVALID_REQUEST", "total")
    refunds.pass_time(books)
    try:
        _, made = refunds.open_refund(
            books, GATEWAY, f"{row['reference']} {minor}", reference=number,
            payment_reference=row["reference"], transaction_id=capture["transaction_id"],
            amount_minor=minor, currency=amount.get("currency"),
            reason=str(body.get("reason", "")),
        )  # fmt: skip
    except Refusal as refusal:
        status, code = {"not_accepted": (403, "NOT_ENOUGH")}.get(
            refusal.error, (400, "INVALID_REQUEST")
        )
        raise Said(status, code, refusal.error) from None
    return describe_refund(books, made)


def find_refund(books: Books, number: str) -> Content:
    """By the merchant's number. Raises Said."""
    refunds.pass_time(books)
    row = refunds.find(books, number)
    if row is None:
        raise Said(404, "RESOURCE_NOT_EXISTS")
    return describe_refund(books, row)


def describe_refund(books: Books, row: sqlite3.Row) -> Content:
    """What is told of a refund that was accepted."""
    capture = books.the("SELECT * FROM captures WHERE transaction_id = ?", row["transaction_id"])
    told: Content = {
        "refund_id": row["id"],
        "out_refund_no": row["reference"],
        "transaction_id": row["transaction_id"],
        "out_trade_no": row["payment_reference"],
        "channel": "ORIGINAL",
        "user_received_account": "the shopper's change",
        "create_time": china_time(row["created_at"]),
        "status": REFUND_STATUS[row["state"]],
        "amount": {
            "total": capture["amount_minor"],
            "refund": row["amount_minor"],
            "payer_total": capture["amount_minor"],
            "payer_refund": row["amount_minor"],
            "currency": row["currency"],
        },
    }
    if row["state"] == "done":
        told["success_time"] = china_time(row["created_at"])
    return told


def capture_of(books: Books, row: sqlite3.Row) -> sqlite3.Row | None:
    """The money that the order took."""
    return books.one("SELECT * FROM captures WHERE payment_id = ?", row["id"])


def _known(row: sqlite3.Row, fingerprint: str) -> sqlite3.Row:
    if row["state"] == "paid":
        raise Said(400, "ORDERPAID")
    if json.loads(row["facts"]).get("closed"):
        raise Said(400, "ORDER_CLOSED")
    if row["fingerprint"] != fingerprint or row["state"] == "closed":
        raise Said(403, "OUT_TRADE_NO_USED")
    return row


def _order(books: Books, body: Content) -> Content:
    amount, number = body.get("amount"), str(body.get("out_trade_no", ""))
    if (body.get("mchid"), body.get("appid")) != (MCHID, APPID):
        raise Said(400, "APPID_MCHID_NOT_MATCH")
    if not isinstance(amount, dict) or type(amount.get("total")) is not int:
        raise Said(400, "PARAM_ERROR", "amount")
    texts = (body.get("description"), 127), (body.get("notify_url"), 255)
    if not all(isinstance(text, str) and 0 < len(text.encode()) <= most for text, most in texts):
        raise Said(400, "PARAM_ERROR", "description or notify_url")
    if amount["total"] <= 0 or amount.get("currency", "CNY") != "CNY":
        raise Said(400, "PARAM_ERROR", "amount")
    if not NUMBER.fullmatch(number) or "?" in body["notify_url"]:
        raise Said(400, "PARAM_ERROR", "out_trade_no or notify_url")
    return {
        "reference": number,
        "amount_minor": amount["total"],
        "currency": "CNY",
        "order_reference": str(body.get("attach", "")),
        "subject": body["description"],
        "expires_at": _expires_at(books, body.get("time_expire")),
        "notify_url": body["notify_url"],
    }


def _expires_at(books: Books, asked: object) -> float:
    if asked is None:
        return books.now() + LIFE_SECONDS
    try:
        moment = datetime.fromisoformat(str(asked))
    except ValueError:
        raise Said(400, "PARAM_ERROR", "time_expire") from None
    if moment.tzinfo is None:
        raise Said(400, "PARAM_ERROR", "time_expire")
    return moment.timestamp()
