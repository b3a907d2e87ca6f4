"""What the merchant's doors do to the books, and what they tell of them."""

from __future__ import annotations

import sqlite3
from typing import Any

from simulator import payments, refunds
from simulator.books import Books, Refusal, rfc3339

GATEWAY = "sandbox"


def open_payment(
    books: Books, key: str, fingerprint: str, wanted: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Open a payment, or find the one that the same request opened before."""
    reference = wanted["reference"]
    known = payments.find(books, reference)
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
    row = payments.insert(books, GATEWAY, **wanted, idempotency_key=key, fingerprint=fingerprint)
    if books.faults.strikes("decline_create", "create"):
        payments.decline(books, row, "not_permitted", final=True)
    # Only what was opened just now: with ignore_key an older twin has its own presentation.
    return 201, describe(books, reference, shown=row["id"])


def close(books: Books, reference: str, method: str) -> dict[str, Any]:
    """The merchant wants that no money can come any more; says what became of that."""
    known = payments.find(books, reference)
    refused = bool(known) and books.faults.strikes("refuse_close", "close")
    strong = method == "qr" or any(row["method"] == "qr" for row in known)
    if strong and not refused:
        # Also when it is unknown: a create that is still under way must not open it later.
        books.write("INSERT OR IGNORE INTO closed_before_seen VALUES (?, ?)",
                    reference, books.now())  # fmt: skip
    if not known:
        raise Refusal(404, "not_found")
    blocked = [row for row in known if not payments.close(books, row, refused=refused)]
    payment = describe(books, reference)
    dead_after = max((payments.dead_after(row) for row in blocked), default=None)
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


def open_refund(
    books: Books, fingerprint: str, wanted: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Send money back once, however often the same request is repeated."""
    new, row = refunds.open_refund(books, GATEWAY, fingerprint, **wanted)
    return 201 if new else 200, describe_refund(books, row)


def describe_refund(books: Books, row: sqlite3.Row | None) -> dict[str, Any]:
    """What the merchant is told; 404 without a row."""
    if row is None:
        raise Refusal(404, "not_found")
    fields = ("id", "reference", "payment_reference", "transaction_id", "amount_minor", "currency",
              "state")  # fmt: skip
    return {"merchant": books.merchant} | {field: row[field] for field in fields}


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
