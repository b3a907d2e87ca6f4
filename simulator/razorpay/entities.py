"""Orders, links, payments and refunds as Razorpay's API shows them.

One row of the books is an order or a link with its one payment; their ids share their tail.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from simulator import payments
from simulator.books import Books

Entity = dict[str, Any]


def tail(entity_id: str) -> str:
    """What an order, its link, its payment have in common."""
    return entity_id.partition("_")[2]


def row_of(books: Books, entity_id: str) -> sqlite3.Row | None:
    """The row behind an order's, a link's or a payment's id, as of now."""
    ids = (f"order_{tail(entity_id)}", f"plink_{tail(entity_id)}")
    row = books.one("SELECT * FROM payments WHERE id IN (?, ?)", *ids)
    if row is None:
        return None
    return next(r for r in payments.find(books, row["reference"]) if r["id"] == row["id"])


def order(row: sqlite3.Row, paid: list[Entity]) -> Entity:
    """An order; a link has one of its own."""
    is_paid = row["state"] == "paid" and bool(paid)
    return {
        "id": f"order_{tail(row['id'])}",
        "entity": "order",
        "amount": row["amount_minor"],
        "amount_paid": row["amount_minor"] if is_paid else 0,
        "amount_due": 0 if is_paid else row["amount_minor"],
        "currency": row["currency"],
        "receipt": row["reference"],
        "status": "paid" if is_paid else "attempted" if paid else "created",
        "attempts": len(paid),
        "notes": _notes(row),
        "created_at": int(row["created_at"]),
    }


def link(books: Books, row: sqlite3.Row, paid: list[Entity]) -> Entity:
    """A payment link; its order shows from when somebody tried to pay."""
    facts = json.loads(row["facts"])
    ends = "cancelled" if "cancelled_at" in facts else "expired"
    states = {"open": "created", "authorized": "created", "paid": "paid", "closed": ends,
              "declined": "created"}  # fmt: skip
    return {
        "id": row["id"],
        "accept_partial": False,
        "amount": row["amount_minor"],
        "amount_paid": row["amount_minor"] if row["state"] == "paid" and paid else 0,
        "callback_method": "get",
        "callback_url": row["return_url"],
        "cancelled_at": facts.get("cancelled_at", 0),
        "created_at": int(row["created_at"]),
        "currency": row["currency"],
        "customer": {},
        "description": row["subject"],
        "expire_by": int(row["expires_at"]),
        "notes": _notes(row),
        "order_id": f"order_{tail(row['id'])}" if paid else None,
        "payments": [{"payment_id": p["id"], "amount": p["amount"], "status": p["status"]}
                     for p in paid],
        "reference_id": row["reference"],
        "short_url": f"{books.public_url}/razorpay/l/{row['token']}",
        "status": states[row["state"]] if paid or row["state"] != "paid" else "created",
    }  # fmt: skip


def payments_of(books: Books, row: sqlite3.Row) -> list[Entity]:
    """Its payment, once somebody has tried. What failed can turn out to be authorized later."""
    status = _status(row)
    if not status:
        return []
    shown: Entity = {
        "id": payment_id(row),
        "entity": "payment",
        "amount": row["amount_minor"],
        "currency": row["currency"],
        "status": status,
        "order_id": f"order_{tail(row['id'])}",
        "method": "upi",
        "captured": False,
        "amount_refunded": 0,
        "refund_status": None,
        "description": row["subject"],
        "notes": _notes(row),
        "fee": None,
        "tax": None,
        "error_code": "BAD_REQUEST_ERROR" if status == "failed" else None,
        "error_reason": row["last_decline"] if status == "failed" else None,
        "created_at": int(row["created_at"]),
    }
    taken = books.one("SELECT * FROM captures WHERE payment_id = ?", row["id"])
    if taken is not None:
        shown |= _money(books, taken)
    elif status == "refunded":
        shown |= {"amount_refunded": row["amount_minor"], "refund_status": "full"}
    return [shown]


def refund(row: sqlite3.Row) -> Entity:
    """A refund; its receipt is what the merchant called it."""
    states = {"pending": "pending", "done": "processed", "failed": "failed"}
    facts = json.loads(row["facts"])
    return {
        "id": row["id"],
        "entity": "refund",
        "amount": row["amount_minor"],
        "currency": row["currency"],
        "payment_id": row["transaction_id"],
        "notes": facts.get("notes") or [],
        "receipt": facts.get("receipt"),
        "acquirer_data": {"arn": None},
        "created_at": int(row["created_at"]),
        "batch_id": None,
        "status": states[row["state"]],
        "speed_processed": "normal",
        "speed_requested": "normal",
    }


def has_lapsed(row: sqlite3.Row) -> bool:
    """Authorized, never captured, returned by Razorpay itself: an order ends in no other way."""
    return bool(row["state"] == "closed" and row["method"] == "checkout")


def auto_refund(row: sqlite3.Row) -> Entity:
    """What such a return looks like among the refunds: the merchant called it nothing."""
    return {
        "id": f"rfnd_{tail(row['id'])}",
        "entity": "refund",
        "amount": row["amount_minor"],
        "currency": row["currency"],
        "payment_id": payment_id(row),
        "notes": [],
        "receipt": None,
        "created_at": int(row["expires_at"]),
        "status": "processed",
    }


def payment_id(row: sqlite3.Row) -> str:
    """The id that the payment had before it took money."""
    return f"pay_{tail(row['id'])}"


def collection(found: list[Entity], *, name: str = "items") -> Entity:
    """As every list comes."""
    return {"entity": "collection", "count": len(found), name: found}


def _status(row: sqlite3.Row) -> str:
    if has_lapsed(row):
        return "refunded"
    if row["state"] in ("open", "declined", "closed"):
        return "failed" if row["last_decline"] else ""
    return {"authorized": "authorized", "paid": "captured"}[row["state"]]


def _money(books: Books, taken: sqlite3.Row) -> Entity:
    sent = books.the(
        "SELECT coalesce(sum(amount_minor), 0) AS minor FROM refunds"
        " WHERE transaction_id = ? AND state != 'failed'", taken["transaction_id"],
    )  # fmt: skip
    fee = books.the(
        "SELECT fee_minor FROM movements WHERE transaction_id = ? AND kind = 'charge'",
        taken["transaction_id"],
    )
    whole = sent["minor"] == taken["amount_minor"]
    return {
        "status": "refunded" if whole else "captured",
        "captured": True,
        "amount": taken["amount_minor"],
        "currency": taken["currency"],
        "amount_refunded": sent["minor"],
        "refund_status": ("full" if whole else "partial") if sent["minor"] else None,
        "fee": fee["fee_minor"],
        "tax": 0,
        "created_at": int(taken["paid_at"]),
    }


def _notes(row: sqlite3.Row) -> Any:
    # No notes are an empty list.
    return json.loads(row["facts"]).get("notes") or []
