"""WeChat Pay's bill of a day: lines of values that each begin with a backtick, then a summary."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from payments.gateways import base
from payments.gateways.wire import text
from payments.gateways.yuan import from_beijing_time, in_fen

#: What was paid, and what was sent back: a bill of each.
KINDS = ("SUCCESS", "REFUND")
EMPTY = "NO_STATEMENT_EXIST"
# Money leaves the merchant when a refund is taken on, and comes back when it fails.
GONE = frozenset({"SUCCESS", "PROCESSING"})
_FEE = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,5})?", re.ASCII)


def rows(content: bytes, told: Mapping[str, Any], kind: str, mchid: str) -> list[base.StatementRow]:
    """Every movement of one bill, whose digest the gateway's signed answer named.

    ValueError for any other content, and for a bill that ends before its summary.
    """
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    if told["hash_type"] != "SHA1" or not hmac.compare_digest(digest, str(told["hash_value"])):
        raise ValueError("the file is not the one that was told of")
    lines = _lines(content)
    if any(line["商户号"] != mchid for line in lines):
        raise ValueError("a bill of another merchant")
    return [row for row in (_row(line, kind) for line in lines) if row is not None]


def _lines(content: bytes) -> list[dict[str, str]]:
    head, *rest = content.decode("utf-8-sig").splitlines()
    names = head.split(",")
    lines = []
    for line in rest:
        if not line.startswith("`"):
            break
        values = line.removeprefix("`").split(",`")
        lines.append(dict(zip(names, values, strict=True)))
    # The summary follows: a line of names and a line that begins with how many there were.
    if rest[-1].removeprefix("`").split(",`")[0] != str(len(lines)) or len(rest) < len(lines) + 2:
        raise ValueError("a bill without its end")
    return lines


def _row(line: Mapping[str, str], kind: str) -> base.StatementRow | None:
    refund = kind == "REFUND"
    if line["退款状态"] not in GONE if refund else line["交易状态"] != "SUCCESS":
        return None
    return base.StatementRow(
        kind="refund" if refund else "charge",
        reference=text(line["商户订单号"]),
        refund_reference=text(line["商户退款单号"]) if refund else "",
        transaction_id=text(line["微信订单号"]),
        amount_minor=in_fen(line["申请退款金额" if refund else "订单金额"]),
        currency=text(line["货币种类"]),
        at=from_beijing_time(line["退款申请时间" if refund else "交易时间"]),
        fee_minor=_fee(line["手续费"]),
    )


def _fee(value: str) -> int:
    """Five decimals of a yuan, to the nearest fen; what comes back with a refund is negative."""
    if not _FEE.fullmatch(value):
        raise ValueError("not a fee")
    return int((Decimal(value) * 100).quantize(Decimal(1), ROUND_HALF_UP))
