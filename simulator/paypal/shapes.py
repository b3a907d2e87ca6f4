"""The objects that PayPal shows, made from the books."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from simulator.books import Books, rfc3339

GATEWAY = "paypal"
WITHOUT_DECIMALS = ("HUF", "JPY", "TWD")
# The world counts HUF and TWD in hundredths, which PayPal refuses.
HUNDREDTHS = ("HUF", "TWD")
REFUND_STATES = {"pending": "PENDING", "done": "COMPLETED", "failed": "FAILED"}


def facts_of(row: sqlite3.Row) -> dict[str, Any]:
    """What only this protocol keeps of a payment or refund."""
    facts: dict[str, Any] = json.loads(row["facts"])
    return facts


def money(amount_minor: int, currency: str) -> dict[str, str]:
    """`{"currency_code": "EUR", "value": "12.34"}`."""
    sign, units = "-" if amount_minor < 0 else "", abs(amount_minor)
    if currency == "JPY":
        return {"currency_code": currency, "value": f"{sign}{units}"}
    whole, rest = divmod(units, 100)
    shown = f"{whole}" if currency in HUNDREDTHS else f"{whole}.{rest:02}"
    return {"currency_code": currency, "value": sign + shown}


class Shapes:
    """`base` is this API's own address, for its links."""

    def __init__(self, books: Books, merchant_id: str) -> None:
        self._books = books
        self._merchant_id = merchant_id
        self._base = f"{books.public_url}/paypal"

    def order(self, row: sqlite3.Row) -> dict[str, Any]:
        """An order with everything that became of it."""
        facts = facts_of(row)
        status = self._status(row, facts)
        captures = self._captures(row, facts)
        payments: dict[str, Any] = {"captures": captures} if captures else {}
        if refunds := self._refunds(row):
            payments["refunds"] = refunds
        unit = {
            "reference_id": "default",
            "amount": money(row["amount_minor"], row["currency"]),
            "payee": {"merchant_id": self._merchant_id, "email_address": "shop@shop.example"},
            "invoice_id": facts["invoice_id"],
            "custom_id": facts["custom_id"],
            "description": row["subject"],
        } | ({"payments": payments} if payments else {})
        url = f"{self._books.public_url}/bank/{row['token']}"
        links = [{"href": f"{self._base}/v2/checkout/orders/{row['id']}", "rel": "self",
                  "method": "GET"}]  # fmt: skip
        if status == "PAYER_ACTION_REQUIRED":
            links.append({"href": url, "rel": "payer-action", "method": "GET"})
        return {
            "id": row["id"],
            "intent": "CAPTURE",
            "status": status,
            "create_time": rfc3339(int(row["created_at"])),
            "purchase_units": [unit],
            "payment_source": {"paypal": {}},
            "links": links,
        }

    def capture(self, row: sqlite3.Row) -> dict[str, Any] | None:
        """The last capture of an order, if there is one."""
        captures = self._captures(row, facts_of(row))
        return captures[-1] if captures else None

    def refund(self, row: sqlite3.Row) -> dict[str, Any]:
        """A refund; the link `up` leads to its capture."""
        facts = facts_of(row)
        up = f"{self._base}/v2/payments/captures/{row['transaction_id']}"
        words = {k: v for k, v in facts["words"].items() if v}
        return {
            "id": row["id"],
            "amount": money(row["amount_minor"], row["currency"]),
            "status": REFUND_STATES[row["state"]],
            "create_time": rfc3339(int(row["created_at"])),
            "links": [{"href": up, "rel": "up", "method": "GET"}],
        } | words

    def transaction(self, row: sqlite3.Row) -> dict[str, Any]:
        """A line of the report."""
        back = row["kind"] == "refund"
        payment = self._books.the(
            "SELECT payments.* FROM payments JOIN captures ON payment_id = payments.id"
            " WHERE transaction_id = ?", row["transaction_id"],
        )  # fmt: skip
        facts = facts_of(payment)
        told = {"invoice_id": facts["invoice_id"], "custom_field": facts["custom_id"]}
        if back:
            found = self._books.the(
                "SELECT * FROM refunds WHERE reference = ?", row["refund_reference"]
            )
            words = facts_of(found)["words"]
            told = {"invoice_id": words.get("invoice_id"), "custom_field": words.get("custom_id"),
                    "paypal_reference_id": row["transaction_id"],
                    "paypal_reference_id_type": "TXN"}  # fmt: skip
        amount = -row["amount_minor"] if back else row["amount_minor"]
        info = {
            "transaction_id": found["id"] if back else row["transaction_id"],
            "transaction_event_code": "T1107" if back else "T0006",
            "transaction_status": "V" if row["returned_at"] is not None else "S",
            "transaction_initiation_date": rfc3339(int(row["at"])).replace("Z", "+0000"),
            "transaction_amount": money(amount, row["currency"]),
            "fee_amount": money(-row["fee_minor"], row["currency"]),
        } | {k: v for k, v in told.items() if v}
        return {"transaction_info": info}

    def _status(self, row: sqlite3.Row, facts: dict[str, Any]) -> str:
        if row["state"] == "paid" or "capture" in facts:
            return "COMPLETED"
        words = {"open": "PAYER_ACTION_REQUIRED", "authorized": "APPROVED"}
        return words.get(row["state"], "VOIDED")

    def _captures(self, row: sqlite3.Row, facts: dict[str, Any]) -> list[dict[str, Any]]:
        taken = self._books.one("SELECT * FROM captures WHERE payment_id = ?", row["id"])
        if taken is None and "capture" not in facts:
            return []
        money_of = taken if taken is not None else row
        status = "DECLINED" if row["state"] == "declined" else "PENDING"
        if taken is not None:
            back = self._books.the(
                "SELECT coalesce(sum(amount_minor), 0) AS minor FROM refunds"
                " WHERE transaction_id = ? AND state = 'done'", taken["transaction_id"],
            )["minor"]  # fmt: skip
            whole = "REFUNDED" if back == taken["amount_minor"] else "PARTIALLY_REFUNDED"
            status = whole if back else "COMPLETED"
        at = taken["paid_at"] if taken is not None else facts["captured_at"]
        return [
            {
                "id": taken["transaction_id"] if taken is not None else facts["capture"],
                "status": status,
                "amount": money(money_of["amount_minor"], money_of["currency"]),
                "final_capture": True,
                "invoice_id": facts["invoice_id"],
                "custom_id": facts["custom_id"],
                "create_time": rfc3339(int(at)),
                "supplementary_data": {"related_ids": {"order_id": row["id"]}},
            }
        ]

    def _refunds(self, row: sqlite3.Row) -> list[dict[str, Any]]:
        rows = self._books.all(
            "SELECT refunds.* FROM refunds JOIN captures USING (transaction_id)"
            " WHERE payment_id = ? ORDER BY created_at, refunds.id", row["id"],
        )  # fmt: skip
        return [self.refund(refund) for refund in rows]
