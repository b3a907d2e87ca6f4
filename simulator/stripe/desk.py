"""What Stripe's doors do to the books: open, cancel, send back, each once per key."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import string
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

from simulator import payments, refunds
from simulator.books import Books, Refusal
from simulator.stripe import forms
from simulator.stripe.forms import Wrong
from simulator.stripe.shapes import GATEWAY, facts_of

# "Keys may be removed once they are at least 24 hours old": here they are.
KEY_SECONDS = 24 * 3600
# A PaymentIntent has no end of its own.
FOR_EVER_SECONDS = 3650 * 24 * 3600
SAO_PAULO = timezone(timedelta(hours=-3))
TAX_ID = re.compile(r"[0-9]{11}|[0-9]{14}|[0-9.]{11}-[0-9]{2}|[0-9./]{15}-[0-9]{2}", re.ASCII)
LETTERS = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """`pi_…`: letters and digits as long as Stripe's."""
    return f"{prefix}_{''.join(secrets.choice(LETTERS) for _ in range(length))}"


class Desk:
    """`notify_url` is the account's webhook endpoint, as its dashboard would have it."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def by_key(self, table: str, key: str, fingerprint: str) -> sqlite3.Row | None:
        """What this key made within the last day; an error when it was asked otherwise then."""
        # `table` is payments or refunds.
        row = self._books.one(
            f"SELECT * FROM {table} WHERE json_extract(facts, '$.key') = ?"  # noqa: S608  # nosec B608
            " AND created_at > ? ORDER BY created_at DESC",
            key, self._books.now() - KEY_SECONDS,
        )  # fmt: skip
        if row is not None and row["fingerprint"] != fingerprint:
            raise Wrong(400, kind="idempotency_error", said="Other parameters than before.")
        return row

    def open_intent(
        self, tree: dict[str, Any], key: str, fingerprint: str, notify_url: str
    ) -> sqlite3.Row:
        """A PaymentIntent for a card, or a confirmed one with a voucher."""
        known = ("amount", "currency", "payment_method_types", "metadata", "confirm",
                 "payment_method_data", "payment_method_options", "description")  # fmt: skip
        forms.only(tree, *known)
        amount, currency = forms.money(tree, "amount")
        kinds = list(forms.below(tree, "payment_method_types").values())
        facts: dict[str, Any] = {"intent": new_id("pi")}
        ends = self._books.now() + FOR_EVER_SECONDS
        if kinds == ["boleto"]:
            ends = self._voucher(tree, amount, currency)
            facts["voucher"] = "".join(secrets.choice(string.digits) for _ in range(47))
        elif kinds not in ([], ["card"]):
            raise Wrong(400, "payment_method_unactivated", param="payment_method_types")
        method = "boleto" if kinds == ["boleto"] else "card"
        return self._insert(tree, facts, key, fingerprint, notify_url, id=facts["intent"],
                            method=method, amount_minor=amount, currency=currency,
                            expires_at=ends)  # fmt: skip

    def open_session(
        self, tree: dict[str, Any], key: str, fingerprint: str, notify_url: str
    ) -> sqlite3.Row:
        """A hosted page for one line."""
        if tree.get("mode") != "payment":
            raise Wrong(400, "parameter_missing", param="mode")
        line = forms.below(tree, "line_items", "0")
        amount, currency = forms.money(forms.below(line, "price_data"), "unit_amount")
        lives = forms.whole(tree, "expires_at") - self._books.now()
        if not 30 * 60 <= lives <= 24 * 3600:
            raise Wrong(400, param="expires_at", said="Between 30 minutes and 24 hours.")
        words = forms.words(tree)
        facts = {
            "intent": new_id("pi"),
            "session_metadata": words,
            "client_reference_id": tree.get("client_reference_id"),
        }
        inner = forms.words(forms.below(tree, "payment_intent_data"))
        return self._insert(
            {"metadata": inner}, facts, key, fingerprint, notify_url,
            id=new_id("cs_test", 58), method="redirect", expires_at=float(tree["expires_at"]),
            amount_minor=amount * forms.whole(line, "quantity"), currency=currency,
            return_url=str(tree.get("success_url", "")),
            subject=str(forms.below(line, "price_data", "product_data").get("name", "")),
        )  # fmt: skip

    def find(self, stripe_id: str) -> sqlite3.Row | None:
        """By the id of a session or of a PaymentIntent, as of now."""
        payments.pass_time(self._books)
        return self._books.one(
            "SELECT * FROM payments WHERE gateway = ? AND (id = ?"
            " OR json_extract(facts, '$.intent') = ?)", GATEWAY, stripe_id, stripe_id,
        )  # fmt: skip

    def end(self, row: sqlite3.Row) -> None:
        """Cancel or expire; raises Wrong where it is paid, being paid or ended."""
        # A challenge that nobody answered yet does not keep it open.
        self._books.write("UPDATE payments SET busy_until = NULL WHERE id = ?", row["id"])
        row = self._books.the("SELECT * FROM payments WHERE id = ?", row["id"])
        refused = self._books.faults.strikes("refuse_close", "close")
        ran_out = row["method"] == "boleto" and "canceled" not in facts_of(row)
        over = row["state"] in ("paid", "declined") or (row["state"] == "closed" and not ran_out)
        if over or not payments.close(self._books, row, refused=refused):
            raise Wrong(400, "payment_intent_unexpected_state", param="intent")
        self.remember("payments", row, canceled=int(self._books.now()))

    def send_back(self, tree: dict[str, Any], key: str, fingerprint: str) -> sqlite3.Row:
        """A refund of the rest, or of an amount of it."""
        forms.only(tree, "charge", "payment_intent", "amount", "metadata", "reason")
        capture = self._books.one(
            "SELECT captures.*, payments.facts AS facts, payments.method AS method"
            " FROM captures JOIN payments ON payments.id = payment_id"
            " WHERE transaction_id = ? OR json_extract(facts, '$.intent') = ?",
            tree.get("charge", ""), tree.get("payment_intent", ""),
        )  # fmt: skip
        if capture is None:
            raise Wrong(404, "resource_missing", param="charge")
        if capture["method"] == "boleto":
            raise Wrong(400, "payment_method_not_available", said="Boletos are not refunded.")
        left = self.left_of(capture)
        amount = left
        if "amount" in tree:
            whole = forms.whole(tree, "amount")
            amount = forms.in_world(whole, capture["currency"])
        if left <= 0:
            raise Wrong(400, "charge_already_refunded", param="charge")
        if amount > left:
            raise Wrong(400, param="amount", said="More than is left.")
        words, refund_id = forms.words(tree), new_id("re")
        reference = words.get("reference", refund_id)
        taken = refunds.find(self._books, reference) is not None
        facts = {"key": key, "metadata": words, "intent": json.loads(capture["facts"])["intent"]}
        try:
            _, row = refunds.open_refund(
                self._books, GATEWAY, fingerprint, id=refund_id,
                reference=refund_id if taken else reference,
                payment_reference=capture["reference"], transaction_id=capture["transaction_id"],
                amount_minor=amount, currency=capture["currency"],
                reason=str(tree.get("reason", "")), facts=json.dumps(facts),
            )  # fmt: skip
        except Refusal as no:
            raise Wrong(400, no.error) from None
        return row

    def left_of(self, capture: sqlite3.Row) -> int:
        back = self._books.the(
            "SELECT coalesce(sum(amount_minor), 0) AS minor FROM refunds"
            " WHERE transaction_id = ? AND state != 'failed'", capture["transaction_id"],
        )  # fmt: skip
        return int(capture["amount_minor"] - back["minor"])

    def remember(self, table: str, row: sqlite3.Row, **more: Any) -> None:
        """Keep facts of this protocol with a payment or refund."""
        # `table` is payments or refunds.
        kept = self._books.the(f"SELECT facts FROM {table} WHERE id = ?", row["id"])  # noqa: S608  # nosec B608
        facts = json.dumps(json.loads(kept["facts"]) | more)
        self._books.write(f"UPDATE {table} SET facts = ? WHERE id = ?", facts, row["id"])  # noqa: S608  # nosec B608

    def _voucher(self, tree: dict[str, Any], amount: int, currency: str) -> float:
        """The last second of a Boleto."""
        told = forms.below(tree, "payment_method_data")
        if tree.get("confirm") != "true" or told.get("type") != "boleto":
            raise Wrong(400, "parameter_missing", param="payment_method_data")
        if currency != "BRL":
            raise Wrong(400, param="currency")
        if not 500 <= amount <= 4_999_999:
            code = "amount_too_small" if amount < 500 else "amount_too_large"
            raise Wrong(400, code, param="amount")
        if not TAX_ID.fullmatch(str(forms.below(told, "boleto").get("tax_id", ""))):
            raise Wrong(400, "tax_id_invalid", param="payment_method_data[boleto][tax_id]")
        if not forms.below(told, "billing_details").get("name"):
            raise Wrong(400, "parameter_missing", param="billing_details[name]")
        options = forms.below(tree, "payment_method_options", "boleto")
        days = forms.whole({"expires_after_days": "3"} | options, "expires_after_days", least=0)
        if days > 60:
            raise Wrong(400, param="expires_after_days")
        today = datetime.fromtimestamp(self._books.now(), UTC).astimezone(SAO_PAULO).date()
        last = datetime.combine(today + timedelta(days=days), time(23, 59), SAO_PAULO)
        return last.timestamp()

    def _insert(
        self,
        tree: dict[str, Any],
        facts: dict[str, Any],
        key: str,
        fingerprint: str,
        notify_url: str,
        **wanted: Any,
    ) -> sqlite3.Row:
        if self._books.faults.strikes("refuse_create", "create"):
            raise Wrong(400, "account_country_invalid_address")
        words = forms.words(tree)
        facts |= {"metadata": words, "key": key}
        # The ledger and the phone of the tests go by the merchant's word, if it gave one.
        given = {
            "merchant": self._books.merchant,
            "reference": words.get("reference", facts["intent"]),
            "order_reference": words.get("order_reference", ""),
            "subject": str(tree.get("description", "")),
            "return_url": _origin(notify_url),
            "created_at": self._books.now(),
            "locale": "en",
        } | wanted
        row = payments.insert(self._books, GATEWAY, **given, idempotency_key=key,
                              fingerprint=fingerprint, notify_url=notify_url,
                              facts=json.dumps(facts))  # fmt: skip
        if self._books.faults.strikes("decline_create", "create"):
            self.end(row)
        return row


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3]) + "/" if url else "http://127.0.0.1:8000/"
