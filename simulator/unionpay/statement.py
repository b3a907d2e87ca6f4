"""The file of a clearing day: fixed-width lines in a zip, deflated, in base64."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import zipfile
import zlib

from simulator.books import Books
from simulator.unionpay.tales import clearing_day

WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1,
          21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98)  # fmt: skip


def content(books: Books, merchant: str, day: str) -> str:
    """Every movement whose clearing day is MMDD."""
    rows = books.all(
        "SELECT * FROM movements WHERE gateway = 'unionpay' AND returned_at IS NULL ORDER BY number"
    )
    lines = [_line(books, merchant, row) for row in rows if clearing_day(row["at"]) == day]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr(f"INN{'26' + day}88ZM_{merchant}", "".join(lines))
        files.writestr(f"INN{'26' + day}88ZME_{merchant}", "")
    return base64.b64encode(zlib.compress(packed.getvalue())).decode()


def _line(books: Books, merchant: str, row: sqlite3.Row) -> str:
    if row["kind"] == "refund":
        made = books.the("SELECT id, facts FROM refunds WHERE reference = ?",
                         row["refund_reference"])  # fmt: skip
        query_id, order, kind = made["id"], row["refund_reference"], ("S30", "04", "00")
    else:
        made = books.the(
            "SELECT facts FROM payments JOIN captures ON captures.payment_id = payments.id"
            " WHERE transaction_id = ?", row["transaction_id"],
        )  # fmt: skip
        query_id, order, kind = row["transaction_id"], row["reference"], ("S22", "01", "01")
    told = json.loads(made["facts"])
    columns = dict.fromkeys(range(1, len(WIDTHS) + 1), "")
    columns |= {1: kind[0], 4: query_id[-6:], 5: told["txnTime"][4:], 10: query_id, 12: order,
                7: f"{row['amount_minor']:012}", 16: f"D{row['fee_minor']:012}",
                20: kind[1], 21: kind[2], 22: told["bizType"], 28: merchant}  # fmt: skip
    if row["kind"] == "refund":
        columns |= {27: row["transaction_id"], 41: row["reference"]}
    padded = (columns[number].ljust(width) for number, width in enumerate(WIDTHS, start=1))
    return " ".join(padded) + "\r\n"
