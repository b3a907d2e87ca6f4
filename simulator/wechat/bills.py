"""The bill of a day in China: lines of values that each begin with a backtick, then a summary."""

from __future__ import annotations

import gzip
import hashlib
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from simulator.books import Books
from simulator.wechat.signing import APPID, CHINA, MCHID
from simulator.wechat.tales import GATEWAY, Said

PAID = [
    "交易时间",
    "公众账号ID",
    "商户号",
    "特约商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "货币种类",
    "应结订单金额",
    "代金券金额",
]
BACK = [
    "退款申请时间",
    "退款成功时间",
    "微信退款单号",
    "商户退款单号",
    "退款金额",
    "充值券退款金额",
    "退款类型",
    "退款状态",
]
END = [
    "商品名称",
    "商户数据包",
    "手续费",
    "费率",
    "订单金额",
    "申请退款金额",
    "费率备注",
]
COLUMNS = {
    "SUCCESS": [*PAID, *(name for name in END if name != "申请退款金额")],
    "REFUND": [*PAID, *BACK, *END],
}
SUMMARY = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)
# The next morning at ten.
MADE_AFTER = timedelta(days=1, hours=10)


def bill(books: Books, day: str, kind: str) -> bytes:
    """The file. Raises Said when it is not made yet, or when nothing moved."""
    begin = _begin(day)
    if kind not in COLUMNS:
        raise Said(400, "PARAM_ERROR", "bill_type")
    if books.now() < (begin + MADE_AFTER).timestamp():
        raise Said(400, "STATEMENT_CREATING")
    moved = books.all(
        "SELECT * FROM movements WHERE gateway = ? AND kind = ? AND at >= ? AND at < ?"
        " ORDER BY number", GATEWAY, "charge" if kind == "SUCCESS" else "refund",
        begin.timestamp(), (begin + timedelta(days=1)).timestamp(),
    )  # fmt: skip
    if not moved:
        raise Said(400, "NO_STATEMENT_EXIST")
    lines = [",".join(COLUMNS[kind])]
    for row in moved:
        told = _line(books, row)
        lines.append(_joined(told.get(name, "") for name in COLUMNS[kind]))
    lines += [SUMMARY, _joined([str(len(moved)), *["0.00"] * 6])]
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def told_of(content: bytes, url: str) -> dict[str, Any]:
    """Where it lies, and its digest: of the plain file, however it travels."""
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return {"hash_type": "SHA1", "hash_value": digest, "download_url": url}


def packed(content: bytes, tar_type: str) -> bytes:
    """As the merchant wants it carried."""
    return gzip.compress(content, mtime=0) if tar_type == "GZIP" else content


def _line(books: Books, row: sqlite3.Row) -> dict[str, str]:
    order = books.the("SELECT * FROM payments WHERE reference = ?", row["reference"])
    paid = books.the("SELECT * FROM captures WHERE transaction_id = ?", row["transaction_id"])
    told = {
        "交易时间": _time(paid["paid_at"]),
        "公众账号ID": APPID,
        "商户号": MCHID,
        "微信订单号": row["transaction_id"],
        "商户订单号": row["reference"],
        "交易类型": "NATIVE",
        "交易状态": "SUCCESS" if row["kind"] == "charge" else "REFUND",
        "货币种类": row["currency"],
        "应结订单金额": _yuan(paid["amount_minor"]),
        "商品名称": order["subject"].replace(",", " "),
        "商户数据包": order["order_reference"],
        "手续费": f"{_yuan(row['fee_minor'])}000",
        "费率": "1.50%",
        "订单金额": _yuan(paid["amount_minor"]),
    }
    if row["kind"] == "refund":
        told |= {
            "退款申请时间": _time(row["at"]),
            "退款成功时间": _time(row["at"]),
            "商户退款单号": row["refund_reference"],
            "退款金额": _yuan(row["amount_minor"]),
            "申请退款金额": _yuan(row["amount_minor"]),
            "退款状态": "SUCCESS" if row["returned_at"] is None else "FAIL",
        }
    return told


def _begin(day: str) -> datetime:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=CHINA)
    except ValueError:
        raise Said(400, "PARAM_ERROR", "bill_date") from None


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _yuan(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _joined(values: Any) -> str:
    return ",".join(f"`{value}" for value in values)
