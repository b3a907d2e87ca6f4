"""What PayPal's doors do to the books: open an order, capture it, send back, each once per key."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import string
from typing import Any

from simulator import payments, refunds
from simulator.books import Books, Refusal
from simulator.notices import announce
from simulator.paypal.shapes import GATEWAY, HUNDREDTHS, WITHOUT_DECIMALS, facts_of

ORDER_KEY_SECONDS = 6 * 3600
REFUND_KEY_SECONDS = 45 * 24 * 3600
# Six hours to be sent to PayPal and six to agree.
ORDER_SECONDS = 12 * 3600
VALUE = re.compile(r"([0-9]{1,10})(?:\.([0-9]{2}))?", re.ASCII)


class Wrong(Refusal):
    """An error of PayPal's: a name, and the issue in its details."""

    def __init__(self, status: int, issue: str, field: str = "") -> None:
        super().__init__(status, issue)
        names = {400: "INVALID_REQUEST", 401: "AUTHENTICATION_FAILURE", 404: "RESOURCE_NOT_FOUND",
                 413: "INVALID_REQUEST", 422: "UNPROCESSABLE_ENTITY"}  # fmt: skip
        detail = {"issue": issue, "description": "See the issue."}
        self.told: dict[str, Any] = {
            "name": names[status],
            "message": "The request was refused.",
            "debug_id": secrets.token_hex(7),
            "details": [detail | ({"field": field} if field else {})],
            "links": [],
        }


def new_id() -> str:
    """Seventeen letters and digits, for everything."""
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(17))


def object_at(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """The object under a name, empty where there is none."""
    found = tree.get(name, {})
    if not isinstance(found, dict):
        raise Wrong(400, "INVALID_PARAMETER_SYNTAX", f"/{name}")
    return found


def amount_of(told: dict[str, Any]) -> tuple[int, str]:
    """Minor units as the world counts them, and the currency."""
    currency, found = told.get("currency_code"), VALUE.fullmatch(str(told.get("value")))
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency, re.ASCII):
        raise Wrong(400, "INVALID_CURRENCY_CODE", "/amount/currency_code")
    if found is None:
        raise Wrong(400, "INVALID_PARAMETER_SYNTAX", "/amount/value")
    if found[2] is not None and currency in WITHOUT_DECIMALS:
        raise Wrong(422, "DECIMALS_NOT_SUPPORTED", "/amount/value")
    minor = int(found[1]) * (1 if currency == "JPY" else 100) + int(found[2] or 0)
    if not minor:
        raise Wrong(422, "CANNOT_BE_ZERO_OR_NEGATIVE", "/amount/value")
    assert currency not in HUNDREDTHS or minor % 100 == 0  # noqa: S101 - by the check above
    return minor, currency


class Desk:
    """One account; the merchant's invoice number is the payment's reference in the books."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def by_key(self, table: str, key: str, fingerprint: str, seconds: float) -> sqlite3.Row | None:
        """What this key made while it is kept; an error when it was asked otherwise then."""
        # `table` is payments or refunds.
        row = self._books.one(
            f"SELECT * FROM {table} WHERE json_extract(facts, '$.key') = ?"  # noqa: S608  # nosec B608
            " AND json_extract(facts, '$.of') = 'paypal' AND created_at > ?"
            " ORDER BY created_at DESC",
            key, self._books.now() - seconds,
        )  # fmt: skip
        if row is not None and row["fingerprint"] != fingerprint:
            raise Wrong(422, "PAYPAL_REQUEST_ID_PREVIOUSLY_USED")
        return row

    def find(self, order_id: str) -> sqlite3.Row:
        """An order as of now; 404 when it is unknown or ran out."""
        payments.pass_time(self._books)
        row = self._books.one(
            "SELECT * FROM payments WHERE gateway = ? AND id = ?", GATEWAY, order_id
        )
        if row is None or row["state"] == "closed":
            raise Wrong(404, "INVALID_RESOURCE_ID", "order_id")
        return row

    def by_capture(self, capture_id: str) -> sqlite3.Row:
        """The order of a capture, decided or not."""
        payments.pass_time(self._books)
        row = self._books.one(
            "SELECT * FROM payments WHERE gateway = ? AND (json_extract(facts, '$.capture') = ?"
            " OR id IN (SELECT payment_id FROM captures WHERE transaction_id = ?))",
            GATEWAY, capture_id, capture_id,
        )  # fmt: skip
        if row is None:
            raise Wrong(404, "INVALID_RESOURCE_ID", "capture_id")
        return row

    def open_order(
        self, tree: dict[str, Any], key: str, fingerprint: str, notify_url: str
    ) -> sqlite3.Row:
        """An order for one purchase unit, to be captured after the shopper agreed."""
        units = tree.get("purchase_units")
        if tree.get("intent") != "CAPTURE" or not isinstance(units, list) or len(units) != 1:
            raise Wrong(400, "MISSING_REQUIRED_PARAMETER", "/purchase_units")
        unit = object_at({"unit": units[0]}, "unit")
        amount, currency = amount_of(object_at(unit, "amount"))
        paypal = object_at(object_at(tree, "payment_source"), "paypal")
        context = object_at(paypal, "experience_context")
        if self._books.faults.strikes("refuse_create", "create"):
            raise Wrong(422, "PAYEE_ACCOUNT_RESTRICTED")
        order_id, now = new_id(), self._books.now()
        words = {name: unit.get(name) for name in ("invoice_id", "custom_id")}
        row = payments.insert(
            self._books, GATEWAY, id=order_id, merchant=self._books.merchant,
            reference=str(words["invoice_id"] or order_id), method="redirect",
            idempotency_key=key, fingerprint=fingerprint, amount_minor=amount, currency=currency,
            order_reference=str(words["custom_id"] or ""), subject=str(unit.get("description", "")),
            created_at=now, expires_at=now + ORDER_SECONDS, notify_url=notify_url,
            return_url=str(context.get("return_url", "http://127.0.0.1:8000/")), locale="en",
            facts=json.dumps(words | {"key": key, "of": GATEWAY}),
        )  # fmt: skip
        if self._books.faults.strikes("decline_create", "create"):
            self._books.write("UPDATE payments SET state = 'declined' WHERE id = ?", row["id"])
        return row

    def capture(self, row: sqlite3.Row, key: str) -> None:
        """Take the money once; a key that did it before is answered again."""
        facts = facts_of(row)
        if facts.get("capture_key") == key:
            return
        if row["state"] == "paid" or "capture" in facts:
            raise Wrong(422, "ORDER_ALREADY_CAPTURED")
        if row["state"] != "authorized":
            raise Wrong(422, "ORDER_NOT_APPROVED")
        if self._books.faults.strikes("refuse_capture", "capture"):
            raise Wrong(422, "INSTRUMENT_DECLINED")
        if self._books.one(
            "SELECT 1 FROM payments WHERE gateway = ? AND reference = ? AND state = 'paid'",
            GATEWAY, row["reference"],
        ):  # fmt: skip
            raise Wrong(422, "DUPLICATE_INVOICE_ID")
        now = self._books.now()
        self.remember("payments", row, capture_key=key, capture=new_id(), captured_at=now)
        delay = self._books.faults.figure("late_capture") * self._books.time_factor
        if self._books.faults.strikes("decline_capture", "capture"):
            self._books.write("UPDATE payments SET state = 'declined' WHERE id = ?", row["id"])
            announce(self._books, "payment.declined", row)
        elif delay:
            self._books.write(
                "UPDATE payments SET settles_at = ? WHERE id = ?", now + delay, row["id"]
            )
        else:
            payments.capture(self._books, row)

    def send_back(
        self, row: sqlite3.Row, capture_id: str, tree: dict[str, Any], key: str, fingerprint: str
    ) -> sqlite3.Row:
        """A refund of the rest, or of an amount of it."""
        capture = self._books.one("SELECT * FROM captures WHERE transaction_id = ?", capture_id)
        if capture is None:
            raise Wrong(422, "PENDING_CAPTURE")
        left = capture["amount_minor"] - self._books.the(
            "SELECT coalesce(sum(amount_minor), 0) AS minor FROM refunds"
            " WHERE transaction_id = ? AND state != 'failed'", capture_id,
        )["minor"]  # fmt: skip
        if left <= 0:
            raise Wrong(422, "CAPTURE_FULLY_REFUNDED")
        amount, currency = left, capture["currency"]
        if "amount" in tree:
            amount, currency = amount_of(object_at(tree, "amount"))
        if currency != capture["currency"]:
            raise Wrong(422, "REFUND_CURRENCY_MISMATCH")
        if amount > left:
            raise Wrong(422, "REFUND_AMOUNT_EXCEEDED")
        words = {name: tree.get(name) for name in ("invoice_id", "custom_id", "note_to_payer")}
        refund_id = new_id()
        reference = str(words["custom_id"] or refund_id)
        taken = refunds.find(self._books, reference) is not None
        try:
            _, refund = refunds.open_refund(
                self._books, GATEWAY, fingerprint, id=refund_id,
                reference=refund_id if taken else reference, payment_reference=row["reference"],
                transaction_id=capture_id, amount_minor=amount, currency=currency, reason="",
                facts=json.dumps({"words": words, "key": key, "of": GATEWAY}),
            )  # fmt: skip
        except Refusal as no:
            raise Wrong(422, f"REFUND_{no.error.upper()}") from None
        return refund

    def remember(self, table: str, row: sqlite3.Row, **more: Any) -> None:
        """Keep facts of this protocol with a payment or refund."""
        # `table` is payments or refunds.
        kept = self._books.the(f"SELECT facts FROM {table} WHERE id = ?", row["id"])  # noqa: S608  # nosec B608
        facts = json.dumps(json.loads(kept["facts"]) | more)
        self._books.write(f"UPDATE {table} SET facts = ? WHERE id = ?", facts, row["id"])  # noqa: S608  # nosec B608
