"""Payments at the bank: opened by the merchant, paid or declined by a shopper, closed, expired.

What every gateway shares. How it is asked for and told is its protocol's business.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any
from urllib.parse import urlsplit

from simulator.books import Books, Refusal
from simulator.gateway import Closes
from simulator.notices import announce

# What the bank keeps of each charge: 1.5 % and 25 minor units.
FEE_PER_10_000, FEE_FIXED_MINOR = 150, 25
UNPAID = ("open", "authorized")
# Methods whose money may come from a bank's own page, long after the shopper left it.
BANK_PAGES = {"redirect", "web"}
# A shopper has so long to answer the card challenge.
CHALLENGE_SECONDS = 300


def insert(books: Books, gateway: str, **wanted: Any) -> sqlite3.Row:
    """Open a payment; the caller has looked whether it may."""
    token = secrets.token_urlsafe(24)
    given = {"id": books.gateways[gateway].new_id("payment")} | wanted
    with books.change():
        books.insert("payments", gateway=gateway, token=token, state="open", **given)
    return books.the("SELECT * FROM payments WHERE id = ?", given["id"])


def find(books: Books, reference: str) -> list[sqlite3.Row]:
    """Every payment under a reference, oldest first, as of now: what ran out is closed."""
    _pass_time(books, "reference = ?", reference)
    return books.all("SELECT * FROM payments WHERE reference = ? ORDER BY number", reference)


def find_by_token(books: Books, token: str, method: str) -> sqlite3.Row | None:
    """The payment whose link a shopper holds."""
    _pass_time(books, "token = ?", token)
    return books.one("SELECT * FROM payments WHERE token = ? AND method = ?", token, method)


def pay(books: Books, payment: sqlite3.Row) -> None:
    """The shopper pays, once. Raises Refusal 409 when it is closed or paid already."""
    with books.change():
        row = _still_open(books, payment)
        gateway = books.gateways[row["gateway"]]
        if gateway.waits_for_capture(row["method"]):
            # Some gateways say how long they keep a consent that nobody captures.
            ends = getattr(gateway, "consent_ends", lambda row: row["expires_at"])(row)
            books.write("UPDATE payments SET state = 'authorized', expires_at = ? WHERE id = ?",
                        ends, row["id"])  # fmt: skip
            announce(books, "payment.authorized", row)
            return
        delay = books.faults.figure("late_capture") * books.time_factor
        if delay and row["method"] in BANK_PAGES:
            settles_at = books.now() + delay
            books.write("UPDATE payments SET settles_at = ? WHERE id = ?", settles_at, row["id"])
            return
        _take(books, row)


def decline(books: Books, payment: sqlite3.Row, code: str, *, final: bool) -> None:
    """The shopper or the issuer refuses; without `final` the same payment can still be paid."""
    gateway = books.gateways[payment["gateway"]]
    # Some gateways end nothing by a decline, whoever declines.
    final = final and not getattr(gateway, "declines_end_nothing", False)
    with books.change():
        row = _still_open(books, payment)
        state = "declined" if final else "open"
        books.write(
            "UPDATE payments SET state = ?, last_decline = ?, busy_until = NULL WHERE id = ?",
            state, code, row["id"],
        )  # fmt: skip
        announce(books, "payment.declined" if final else "payment.attempt_failed", row)


def challenge(books: Books, payment: sqlite3.Row) -> None:
    """A card charge waits for the shopper's confirmation; it cannot be closed meanwhile."""
    with books.change():
        row = _still_open(books, payment)
        until = books.now() + CHALLENGE_SECONDS
        books.write("UPDATE payments SET busy_until = ? WHERE id = ?", until, row["id"])


def capture(books: Books, payment: sqlite3.Row) -> sqlite3.Row:
    """The merchant takes what the shopper agreed to. Raises Refusal 409 when there is nothing."""
    with books.change():
        _pass_time(books, "id = ?", payment["id"])
        row = _again(books, payment)
        if row["state"] != "authorized":
            raise Refusal(409, f"not_authorized_but_{row['state']}")
        _take(books, row)
        return _again(books, row)


def close(books: Books, row: sqlite3.Row, *, refused: bool = False) -> bool:
    """End it unless it resists; whether nothing unpaid is left."""
    if row["state"] in UNPAID:
        if _resists(books, row, refused):
            return False
        _end(books, row)
    return True


def dead_after(row: sqlite3.Row) -> float:
    """Until when an unpaid one may still be paid."""
    return float(max(row["expires_at"], row["busy_until"] or 0, row["settles_at"] or 0))


def pass_time(books: Books) -> None:
    """Book money that was on its way, and close what has run out, over all payments."""
    _pass_time(books, "TRUE")


def return_origin(payment: sqlite3.Row) -> str:
    """The origin of the shop's page: the only one that may frame the card form."""
    parts = urlsplit(payment["return_url"])
    return f"{parts.scheme}://{parts.netloc}"


def _pass_time(books: Books, condition: str, *values: Any) -> None:
    now = books.now()
    due = books.all(
        # `condition` is one of the constants that this file passes.
        f"SELECT * FROM payments WHERE state IN ('open', 'authorized') AND {condition}"  # noqa: S608  # nosec B608
        " AND (settles_at <= ? OR expires_at <= ?)", *values, now, now,
    )  # fmt: skip
    for row in due:
        if row["settles_at"] is not None:
            if row["settles_at"] <= now:
                _take(books, row)
        elif row["busy_until"] is None or row["busy_until"] <= now:
            _end(books, row)


def _still_open(books: Books, payment: sqlite3.Row) -> sqlite3.Row:
    _pass_time(books, "id = ?", payment["id"])
    row = _again(books, payment)
    if row["state"] != "open":
        raise Refusal(409, f"already_{row['state']}")
    if row["settles_at"] is not None:
        raise Refusal(409, "being_paid")
    return row


def _take(books: Books, row: sqlite3.Row) -> None:
    amount, currency = row["amount_minor"], row["currency"]
    if books.faults.strikes("wrong_amount"):
        amount = max(1, amount // 100) if amount > 1 else 2
    if books.faults.strikes("wrong_currency"):
        currency = "USD" if currency != "USD" else "EUR"
    money = {
        "transaction_id": _transaction_id(books, row),
        "reference": row["reference"],
        "amount_minor": amount,
        "currency": currency,
    }
    fee = amount * FEE_PER_10_000 // 10_000 + FEE_FIXED_MINOR
    with books.change():
        books.insert("captures", **money, payment_id=row["id"], paid_at=books.now())
        books.insert("movements", **money, gateway=row["gateway"], kind="charge",
                     refund_reference="", fee_minor=fee, at=books.now())  # fmt: skip
        books.write(
            "UPDATE payments SET state = 'paid', busy_until = NULL, settles_at = NULL WHERE id = ?",
            row["id"],
        )
        announce(books, "payment.paid", row)


def _transaction_id(books: Books, row: sqlite3.Row) -> str:
    """The one that was shown while the money was on its way, or this gateway's way to number it."""
    gateway = books.gateways[row["gateway"]]
    if shown := json.loads(row["facts"]).get("capture"):
        return str(shown)
    own = getattr(gateway, "capture_id", None)
    return str(own(row)) if own else gateway.new_id("capture") or str(row["id"])


def _end(books: Books, row: sqlite3.Row) -> None:
    with books.change():
        books.write("UPDATE payments SET state = 'closed', busy_until = NULL WHERE id = ?",
                    row["id"])  # fmt: skip
        announce(books, "payment.closed", row)


def _resists(books: Books, row: sqlite3.Row, refused: bool) -> bool:
    charging = row["busy_until"] is not None and row["busy_until"] > books.now()
    closes = books.gateways[row["gateway"]].closes(row["method"])
    by_its_time = closes is Closes.BY_ITS_TIME
    return refused or charging or by_its_time or row["settles_at"] is not None


def _again(books: Books, row: sqlite3.Row) -> sqlite3.Row:
    return books.the("SELECT * FROM payments WHERE id = ?", row["id"])
