"""Money going back: at once, after a while, not at all, or back again after it was done."""

from __future__ import annotations

import sqlite3
from typing import Any

from simulator.books import Books, Refusal
from simulator.notices import announce

REFUND_DELAY_SECONDS = 1.0


def open_refund(
    books: Books, gateway: str, fingerprint: str, **wanted: Any
) -> tuple[bool, sqlite3.Row]:
    """Send money back once, however often the same request is repeated; (new, its row).

    Raises Refusal: reference_reused, unknown_transaction, wrong_currency, over_refund,
    not_accepted.
    """
    known = find(books, wanted["reference"])
    if known is not None:
        if known["fingerprint"] != fingerprint:
            raise Refusal(409, "reference_reused")
        return False, known
    with books.change():
        _check_balance(books, wanted)
        if books.faults.strikes("refuse_refund", "refund"):
            raise Refusal(422, "not_accepted")
        state, next_state = _course(books)
        delay = books.faults.figure("refund_delay", REFUND_DELAY_SECONDS) * books.time_factor
        books.insert(
            "refunds", **{"id": books.gateways[gateway].new_id("refund")} | wanted,
            fingerprint=fingerprint, state="pending", created_at=books.now(),
            next_state=next_state, next_at=books.now() + delay if next_state else None,
        )  # fmt: skip
        row = books.the("SELECT * FROM refunds WHERE reference = ?", wanted["reference"])
        if state == "done":
            _become(books, row, "done")
    return True, books.the("SELECT * FROM refunds WHERE reference = ?", wanted["reference"])


def find(books: Books, reference: str) -> sqlite3.Row | None:
    """By the merchant's refund reference."""
    return books.one("SELECT * FROM refunds WHERE reference = ?", reference)


def pass_time(books: Books) -> None:
    """Let pending refunds end, and late failures happen, whose moment has come."""
    now = books.now()
    for row in books.all("SELECT * FROM refunds WHERE next_at <= ?", now):
        with books.change():
            books.write("UPDATE refunds SET next_at = NULL WHERE id = ?", row["id"])
            _become(books, row, row["next_state"])


def _check_balance(books: Books, wanted: dict[str, Any]) -> None:
    capture = books.one(
        "SELECT * FROM captures WHERE transaction_id = ? AND reference = ?",
        wanted["transaction_id"], wanted["payment_reference"],
    )  # fmt: skip
    if capture is None:
        raise Refusal(422, "unknown_transaction")
    if capture["currency"] != wanted["currency"]:
        raise Refusal(422, "wrong_currency")
    spoken_for = books.the(
        "SELECT coalesce(sum(amount_minor), 0) AS minor FROM refunds"
        " WHERE transaction_id = ? AND state IN ('pending', 'done')", wanted["transaction_id"],
    )  # fmt: skip
    if wanted["amount_minor"] > capture["amount_minor"] - spoken_for["minor"]:
        raise Refusal(422, "over_refund")


def _course(books: Books) -> tuple[str, str | None]:
    """The state now and the one that follows."""
    if books.faults.strikes("refund_fail", "refund"):
        return "pending", "failed"
    if books.faults.strikes("refund_pending", "refund"):
        return "pending", "done"
    if books.faults.strikes("refund_fail_late", "refund"):
        return "done", "failed"
    return "done", None


def _become(books: Books, row: sqlite3.Row, state: str) -> None:
    books.write("UPDATE refunds SET state = ? WHERE id = ?", state, row["id"])
    payment = books.the("SELECT * FROM payments WHERE reference = ? LIMIT 1",
                        row["payment_reference"])  # fmt: skip
    if state == "done":
        books.insert(
            "movements",
            gateway=payment["gateway"],
            kind="refund",
            reference=row["payment_reference"],
            refund_reference=row["reference"],
            transaction_id=row["transaction_id"],
            amount_minor=row["amount_minor"],
            fee_minor=0,
            currency=row["currency"],
            at=books.now(),
        )
    else:
        # The money came back to the merchant: the movement does not count any more.
        books.write("UPDATE movements SET returned_at = ? WHERE refund_reference = ?",
                    books.now(), row["reference"])  # fmt: skip
    announce(books, f"refund.{state}", payment, refund_reference=row["reference"])
