"""What UnionPay tells about a payment or a refund: the fields of its answers and notifications."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta

from simulator.books import Books
from simulator.unionpay.wishes import BEIJING, ECHOED

NUMBERS = {"CNY": "156", "USD": "840", "EUR": "978"}
SAYINGS = {"00": "成功[0000000]", "05": "交易已受理，请稍后查询交易结果[6154037]"}
# Which origRespCode each state has; a decline that the shopper may repeat is "64" meanwhile.
PAYMENTS = {"open": "05", "paid": "00", "declined": "60", "closed": "39"}
REFUNDS = {"pending": "05", "done": "00", "failed": "01"}
# The clearing day ends at 23:00 in Beijing.
CLEARING_ENDS_EARLIER = timedelta(hours=1)


def answer(question: Mapping[str, str], code: str) -> dict[str, str]:
    """What every answer says: whom it answers, and respCode."""
    echoed = {name: question[name] for name in ECHOED if name in question}
    return echoed | {"respCode": code, "respMsg": SAYINGS.get(code, f"失败[{code}]")}


def of_payment(books: Books, row: sqlite3.Row) -> dict[str, str]:
    """A payment with its origRespCode, and its money where it was taken."""
    known: dict[str, str] = json.loads(row["facts"])
    code = PAYMENTS[row["state"]]
    if row["state"] == "open" and row["last_decline"]:
        code = "64"
    told = known | _result(code, "orig") | {"txnAmt": str(row["amount_minor"])}
    taken = books.one("SELECT * FROM captures WHERE payment_id = ?", row["id"])
    if taken is not None:
        told |= {"txnAmt": str(taken["amount_minor"])} | _cleared(
            taken["transaction_id"], taken["amount_minor"], taken["currency"], taken["paid_at"]
        )
    return told


def of_refund(row: sqlite3.Row) -> dict[str, str]:
    """A refund with its origRespCode; its queryId is its own."""
    known: dict[str, str] = json.loads(row["facts"])
    return (
        known
        | _result(REFUNDS[row["state"]], "orig")
        | {"txnAmt": str(row["amount_minor"]), "origQryId": row["transaction_id"]}
        | _cleared(row["id"], row["amount_minor"], row["currency"], row["created_at"])
    )


def notification(told: Mapping[str, str]) -> dict[str, str]:
    """The same as a notification says it: there it is respCode."""
    code = told["origRespCode"]
    kept = {name: value for name, value in told.items() if not name.startswith("origResp")}
    return kept | _result(code, "")


def clearing_day(moment: float) -> str:
    """MMDD."""
    return (_beijing(moment) + CLEARING_ENDS_EARLIER).strftime("%m%d")


def _result(code: str, prefix: str) -> dict[str, str]:
    names = ("origRespCode", "origRespMsg") if prefix else ("respCode", "respMsg")
    return dict(zip(names, (code, SAYINGS.get(code, f"失败[{code}]")), strict=True))


def _cleared(query_id: str, amount_minor: int, currency: str, at: float) -> dict[str, str]:
    number = NUMBERS[currency]
    return {
        "queryId": query_id,
        "currencyCode": number,
        "settleAmt": str(amount_minor),
        "settleCurrencyCode": number,
        "settleDate": clearing_day(at),
        "traceNo": query_id[-6:],
        "traceTime": _beijing(at).strftime("%m%d%H%M%S"),
    }


def _beijing(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, BEIJING)
