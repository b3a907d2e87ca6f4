"""Payments at the bank: opened by the merchant, paid or declined by a shopper, closed, expired.

Three natures: `qr` can be closed for certain, also before it was seen; `redirect` cannot be
closed before its time limit; `card` can be closed unless a charge is running.
"""

from __future__ import annotations

import secrets
import sqlite3
from typing import Any
from urllib.parse import urlsplit

from simulator.books import Books, Refusal, rfc3339
from simulator.notices import announce

# What the bank keeps of each charge: 1.5 % and 25 minor units.
FEE_PER_10_000, FEE_FIXED_MINOR = 150, 25
# A shopper has so long to answer the card challenge.
CHALLENGE_SECONDS = 300


def open_payment(
    books: Books, key: str, fingerprint: str, wanted: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Open a payment, or find the one that the same request opened before."""
    reference = wanted["reference"]
    known = find(books, reference)
    if known and not books.faults.strikes("ignore_key", "create"):
        if any(row["fingerprint"] != fingerprint for row in known):
            raise Refusal(409, "reference_reused")
        return 200, describe(books, reference)
    if not known and books.one("SELECT 1 FROM payments WHERE idempotency_key = ?", key):
        raise Refusal(409, "key_reused")
    if books.one("SELECT 1 FROM closed_before_seen WHERE reference = ?", reference):
        raise Refusal(409, "reference_closed")
    if wanted["expires_at"] <= books.now():
        raise Refusal(422, "expired")
    if books.faults.strikes("refuse_create", "create"):
        raise Refusal(422, "not_accepted")
    row = _insert(books, key, fingerprint, wanted)
    if books.faults.strikes("decline_create", "create"):
        decline(books, row, "not_permitted", final=True)
    # Only what was opened just now: with ignore_key an older twin has its own presentation.
    return 201, describe(books, reference, shown=row["id"])


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
        delay = books.faults.figure("late_capture") * books.time_factor
        if delay and row["method"] == "redirect":
            settles_at = books.now() + delay
            books.write("UPDATE payments SET settles_at = ? WHERE id = ?", settles_at, row["id"])
            return
        _capture(books, row)


def decline(books: Books, payment: sqlite3.Row, code: str, *, final: bool) -> None:
    """The shopper or the issuer refuses; without `final` the same payment can still be paid."""
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


def close(books: Books, reference: str, method: str) -> dict[str, Any]:
    """The merchant wants that no money can come any more; says what became of that."""
    known = find(books, reference)
    refused = bool(known) and books.faults.strikes("refuse_close", "close")
    strong = method == "qr" or any(row["method"] == "qr" for row in known)
    if strong and not refused:
        # Also when it is unknown: a create that is still under way must not open it later.
        books.write("INSERT OR IGNORE INTO closed_before_seen VALUES (?, ?)",
                    reference, books.now())  # fmt: skip
    if not known:
        raise Refusal(404, "not_found")
    blocked = [row for row in known if row["state"] == "open" and _resists(books, row, refused)]
    for row in known:
        if row["state"] == "open" and row not in blocked:
            _end(books, row)
    payment = describe(books, reference)
    dead_after = max((_dead_after(row) for row in blocked), default=None)
    paid = any(row["state"] == "paid" for row in known)
    result = "already_paid" if paid else "not_closable" if blocked else "closed"
    shown = rfc3339(dead_after) if dead_after and result == "not_closable" else None
    return {"result": result, "dead_after": shown, "payment": payment}


def describe(books: Books, reference: str, shown: str = "") -> dict[str, Any]:
    """What the merchant is told: everything under one reference as one payment."""
    rows = books.all("SELECT * FROM payments WHERE reference = ? ORDER BY number", reference)
    first = next((row for row in rows if row["id"] == shown), None)
    first = first or next((row for row in rows if row["state"] == "open"), rows[0])
    states = {row["state"] for row in rows}
    state = "paid" if "paid" in states else first["state"]
    return {
        "id": first["id"],
        "merchant": first["merchant"],
        "reference": reference,
        "method": first["method"],
        "state": state,
        "final": "open" not in states,
        "amount_minor": first["amount_minor"],
        "currency": first["currency"],
        "created_at": rfc3339(first["created_at"]),
        "expires_at": rfc3339(first["expires_at"]),
        "order_reference": first["order_reference"],
        "last_decline": first["last_decline"],
        "presentation": _presentation(books, first) if state == "open" else None,
        "captures": [_as_capture(books, row) for row in _captures(books, reference)],
        "refunds": [
            {key: row[key] for key in ("reference", "transaction_id", "amount_minor", "state")}
            for row in books.all(
                "SELECT * FROM refunds WHERE payment_reference = ? ORDER BY created_at", reference
            )
        ],
    }


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
        f"SELECT * FROM payments WHERE state = 'open' AND {condition}"  # noqa: S608  # nosec B608
        " AND (settles_at <= ? OR expires_at <= ?)", *values, now, now,
    )  # fmt: skip
    for row in due:
        if row["settles_at"] is not None:
            if row["settles_at"] <= now:
                _capture(books, row)
        elif row["busy_until"] is None or row["busy_until"] <= now:
            _end(books, row)


def _insert(books: Books, key: str, fingerprint: str, wanted: dict[str, Any]) -> sqlite3.Row:
    ours = {"id": f"pay_{secrets.token_hex(10)}", "token": secrets.token_urlsafe(24)}
    with books.change():
        books.insert(
            "payments", **ours, **wanted, state="open", idempotency_key=key, fingerprint=fingerprint
        )
    return books.the("SELECT * FROM payments WHERE id = ?", ours["id"])


def _still_open(books: Books, payment: sqlite3.Row) -> sqlite3.Row:
    _pass_time(books, "id = ?", payment["id"])
    row = books.the("SELECT * FROM payments WHERE id = ?", payment["id"])
    if row["state"] != "open":
        raise Refusal(409, f"already_{row['state']}")
    if row["settles_at"] is not None:
        raise Refusal(409, "being_paid")
    return row


def _capture(books: Books, row: sqlite3.Row) -> None:
    amount, currency = row["amount_minor"], row["currency"]
    if books.faults.strikes("wrong_amount"):
        amount = max(1, amount // 100) if amount > 1 else 2
    if books.faults.strikes("wrong_currency"):
        currency = "USD" if currency != "USD" else "EUR"
    money = {
        "transaction_id": f"txn_{secrets.token_hex(10)}",
        "reference": row["reference"],
        "amount_minor": amount,
        "currency": currency,
    }
    fee = amount * FEE_PER_10_000 // 10_000 + FEE_FIXED_MINOR
    with books.change():
        books.insert("captures", **money, payment_id=row["id"], paid_at=books.now())
        books.insert("movements", **money, kind="charge", refund_reference="",
                     fee_minor=fee, at=books.now())  # fmt: skip
        books.write(
            "UPDATE payments SET state = 'paid', busy_until = NULL, settles_at = NULL WHERE id = ?",
            row["id"],
        )
        announce(books, "payment.paid", row)


def _end(books: Books, row: sqlite3.Row) -> None:
    with books.change():
        books.write("UPDATE payments SET state = 'closed', busy_until = NULL WHERE id = ?",
                    row["id"])  # fmt: skip
        announce(books, "payment.closed", row)


def _resists(books: Books, row: sqlite3.Row, refused: bool) -> bool:
    charging = row["busy_until"] is not None and row["busy_until"] > books.now()
    return refused or charging or row["method"] == "redirect" or row["settles_at"] is not None


def _dead_after(row: sqlite3.Row) -> float:
    return float(max(row["expires_at"], row["busy_until"] or 0, row["settles_at"] or 0))


def _captures(books: Books, reference: str) -> list[sqlite3.Row]:
    return books.all("SELECT * FROM captures WHERE reference = ? ORDER BY paid_at", reference)


def _as_capture(books: Books, row: sqlite3.Row) -> dict[str, Any]:
    refunded = books.the(
        "SELECT coalesce(sum(amount_minor), 0) AS done FROM refunds"
        " WHERE transaction_id = ? AND state = 'done'", row["transaction_id"],
    )  # fmt: skip
    return {
        "transaction_id": row["transaction_id"],
        "amount_minor": row["amount_minor"],
        "currency": row["currency"],
        "refunded_minor": refunded["done"],
        "paid_at": rfc3339(row["paid_at"]),
    }


def _presentation(books: Books, row: sqlite3.Row) -> dict[str, Any]:
    base, token = books.public_url, row["token"]
    if row["method"] == "qr":
        expires_at = rfc3339(row["expires_at"])
        return {"kind": "qr", "text": f"{base}/scan/{token}", "expires_at": expires_at}
    if row["method"] == "redirect":
        return {"kind": "redirect", "url": f"{base}/bank/{token}"}
    key = f"pk_sandbox_{row['merchant']}"
    return {"kind": "embedded", "provider": "sandbox", "public_key": key, "client_token": token}
