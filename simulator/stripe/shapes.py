"""The objects that Stripe shows, made from the books."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from simulator.books import Books
from simulator.stripe.forms import in_stripe

GATEWAY = "stripe"
API_VERSION = "2026-10-28.endive"
DECLINES = {"declined": "card_declined"}
REFUND_STATES = {"pending": "pending", "done": "succeeded", "failed": "failed"}


def facts_of(row: sqlite3.Row) -> dict[str, Any]:
    """What only this protocol keeps of a payment or refund."""
    facts: dict[str, Any] = json.loads(row["facts"])
    return facts


class Shapes:
    """One question to the books for each object; amounts in Stripe's units."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def intent(self, row: sqlite3.Row, *, expand: bool = False) -> dict[str, Any]:
        """A PaymentIntent; with `expand` its charge is whole."""
        facts = facts_of(row)
        status = self._intent_status(row, facts)
        charge = self.charge(row) if status == "succeeded" else None
        taken = charge["amount"] if charge else 0
        error = None
        if row["last_decline"] and status not in ("succeeded", "processing"):
            error = {"type": "card_error", "code": "card_declined", "message": "Declined.",
                     "decline_code": row["last_decline"]}  # fmt: skip
        return {
            "id": facts["intent"],
            "object": "payment_intent",
            "amount": in_stripe(row["amount_minor"], row["currency"]),
            "amount_capturable": 0,
            "amount_received": taken,
            "capture_method": "automatic_async",
            "client_secret": f"{facts['intent']}_secret_{row['token']}",
            "created": int(row["created_at"]),
            "currency": row["currency"].lower(),
            "last_payment_error": error,
            "latest_charge": charge if expand or charge is None else charge["id"],
            "livemode": False,
            "metadata": facts["metadata"],
            "next_action": self._next_action(row, facts, status),
            "payment_method": None,
            "payment_method_types": ["boleto" if row["method"] == "boleto" else "card"],
            "status": status,
        }

    def session(self, row: sqlite3.Row, *, expand: bool = False) -> dict[str, Any]:
        """A Checkout Session; its PaymentIntent is there from the first try on."""
        facts, state = facts_of(row), row["state"]
        under_way = row["settles_at"] is not None
        status = "complete" if state == "paid" or under_way else "open"
        status = "expired" if state in ("closed", "declined") else status
        tried = status == "complete" or row["last_decline"] is not None
        inner = self.intent(row, expand=expand) if tried else None
        url = f"{self._books.public_url}/bank/{row['token']}"
        return {
            "id": row["id"],
            "object": "checkout.session",
            "amount_total": in_stripe(row["amount_minor"], row["currency"]),
            "client_reference_id": facts["client_reference_id"],
            "created": int(row["created_at"]),
            "currency": row["currency"].lower(),
            "expires_at": int(row["expires_at"]),
            "livemode": False,
            "metadata": facts["session_metadata"],
            "mode": "payment",
            "payment_intent": inner if expand or inner is None else inner["id"],
            "payment_method_types": ["card"],
            "payment_status": "paid" if state == "paid" else "unpaid",
            "status": status,
            "success_url": row["return_url"],
            "url": url if status == "open" else None,
        }

    def charge(self, row: sqlite3.Row) -> dict[str, Any]:
        """The charge that took a payment's money."""
        taken = self._books.the("SELECT * FROM captures WHERE payment_id = ?", row["id"])
        back = self._books.the(
            "SELECT coalesce(sum(amount_minor), 0) AS minor FROM refunds"
            " WHERE transaction_id = ? AND state != 'failed'", taken["transaction_id"],
        )  # fmt: skip
        facts, currency = facts_of(row), taken["currency"]
        amount = in_stripe(taken["amount_minor"], currency)
        return {
            "id": taken["transaction_id"],
            "object": "charge",
            "amount": amount,
            "amount_captured": amount,
            "amount_refunded": in_stripe(back["minor"], currency),
            "captured": True,
            "created": int(taken["paid_at"]),
            "currency": currency.lower(),
            "livemode": False,
            "metadata": facts["metadata"],
            "paid": True,
            "payment_intent": facts["intent"],
            "refunded": back["minor"] == taken["amount_minor"],
            "status": "succeeded",
        }

    def refund(self, row: sqlite3.Row) -> dict[str, Any]:
        """A refund; Stripe has no place for the merchant's reference but metadata."""
        facts = facts_of(row)
        return {
            "id": row["id"],
            "object": "refund",
            "amount": in_stripe(row["amount_minor"], row["currency"]),
            "charge": row["transaction_id"],
            "created": int(row["created_at"]),
            "currency": row["currency"].lower(),
            "metadata": facts["metadata"],
            "payment_intent": facts["intent"],
            "reason": row["reason"] or None,
            "status": REFUND_STATES[row["state"]],
        }

    def movement(self, row: sqlite3.Row, *, expand: bool) -> dict[str, Any]:
        """A line of the balance; a refund takes away."""
        is_refund = row["kind"] == "refund"
        if is_refund:
            found = self._books.the(
                "SELECT * FROM refunds WHERE reference = ?", row["refund_reference"]
            )
            source = self.refund(found)
        else:
            source = self.charge(self._books.the(
                "SELECT payments.* FROM payments JOIN captures ON payment_id = payments.id"
                " WHERE transaction_id = ?", row["transaction_id"],
            ))  # fmt: skip
        amount = in_stripe(row["amount_minor"], row["currency"])
        fee = in_stripe(row["fee_minor"], row["currency"])
        return {
            "id": f"txn_{row['number']:024}",
            "object": "balance_transaction",
            "amount": -amount if is_refund else amount,
            "created": int(row["at"]),
            "currency": row["currency"].lower(),
            "fee": fee,
            "livemode": False,
            "net": (-amount if is_refund else amount) - fee,
            "source": source if expand else source["id"],
            "status": "pending",
            "type": "refund" if is_refund else "charge",
        }

    def _intent_status(self, row: sqlite3.Row, facts: dict[str, Any]) -> str:
        if row["state"] == "paid":
            return "succeeded"
        if row["settles_at"] is not None:
            return "processing"
        if row["state"] == "declined" or "canceled" in facts:
            return "canceled"
        if row["state"] == "closed":
            # A voucher that ran out can be paid no more, but its payment is not canceled.
            return "requires_payment_method" if row["method"] == "boleto" else "canceled"
        challenged = row["busy_until"] is not None and row["busy_until"] > self._books.now()
        return "requires_action" if challenged or "voucher" in facts else "requires_payment_method"

    def _next_action(
        self, row: sqlite3.Row, facts: dict[str, Any], status: str
    ) -> dict[str, Any] | None:
        if status != "requires_action":
            return None
        if "voucher" not in facts:
            return {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
        url = f"{self._books.public_url}/stripe/vouchers/{row['token']}"
        shown = {"number": facts["voucher"], "hosted_voucher_url": url, "pdf": f"{url}/pdf",
                 "expires_at": int(row["expires_at"])}  # fmt: skip
        return {"type": "boleto_display_details", "boleto_display_details": shown}
