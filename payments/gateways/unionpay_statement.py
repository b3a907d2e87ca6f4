"""UnionPay's statement of a clearing day: a zip in a deflated, base64 text; fixed-width lines.

Column numbers are those of the file interface (INN…ZM_… files): 5 time, 7 amount, 10 query id,
12 orderId, 16 fee, 20 txnType, 27 the original's query id, 28 merchant, 41 the original's orderId.
"""

from __future__ import annotations

import base64
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time

from payments.gateways import base
from payments.gateways.unionpay_answers import BEIJING, amount, with_year
from payments.gateways.wire import text

WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1,
          21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32)  # fmt: skip
# A day's file of 100,000 movements is some 50 MB.
UNPACKED_BYTES_MAX = 64 * 1024 * 1024
MOVEMENTS = re.compile(r"INN\d{8}ZM_\w+", re.ASCII)
KINDS = {"01": "charge", "04": "refund", "31": "refund"}


def rows(content: str, clearing_day: date, merchant: str) -> list[base.StatementRow]:
    """Every payment and refund in the file, or ValueError."""
    near = datetime.combine(clearing_day, time(12), BEIJING)
    found = []
    for line in _lines(_unpacked(content)):
        column = _columns(line)
        if column[28] != merchant:
            raise ValueError("a statement for somebody else")
        # Anything else (an authorisation, a transfer) is no movement of a payment of ours.
        if column[20] in KINDS:
            found.append(_row(column, near))
    return found


def _row(column: dict[int, str], near: datetime) -> base.StatementRow:
    kind = KINDS[column[20]]
    is_refund = kind == "refund"
    return base.StatementRow(
        kind=kind,
        reference=text(column[41] if is_refund else column[12]),
        refund_reference=text(column[12]) if is_refund else "",
        transaction_id=text(column[27] if is_refund else column[10]),
        amount_minor=amount(column[7]),
        currency="CNY",
        at=with_year(column[5], near),
        # A letter (credit or debit) and twelve digits.
        fee_minor=amount(column[16][1:]) if column[16] else 0,
    )


def _columns(line: str) -> dict[int, str]:
    """Column number -> value; one blank stands between two columns."""
    columns, at = {}, 0
    for number, width in enumerate(WIDTHS, start=1):
        columns[number] = line[at : at + width].strip()
        at += width + 1
    if len(line) < at - 1:
        raise ValueError("a line is too short")
    return columns


def _lines(packed: bytes) -> Iterator[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as files:
            for file in files.infolist():
                if not MOVEMENTS.fullmatch(file.filename):
                    continue
                if file.file_size > UNPACKED_BYTES_MAX:
                    raise ValueError("the statement is too large")
                # Widths count bytes, and what we read is ASCII.
                lines = files.read(file).decode("latin-1").split("\n")
                yield from (line.rstrip("\r") for line in lines if line.strip())
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
        raise ValueError("not a zip that can be read") from problem


def _unpacked(content: str) -> bytes:
    inflating = zlib.decompressobj()
    try:
        packed = inflating.decompress(base64.b64decode(content, validate=True), UNPACKED_BYTES_MAX)
    except zlib.error as problem:
        raise ValueError("not deflated") from problem
    if not inflating.eof:
        raise ValueError("the statement is cut or too large")
    return packed
