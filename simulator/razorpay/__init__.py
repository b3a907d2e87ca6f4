"""Razorpay: orders that the merchant captures, payment links, refunds and webhooks."""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
from collections.abc import Mapping

import httpx
from starlette.routing import Route

from simulator.books import Books
from simulator.gateway import Closes
from simulator.razorpay import entities
from simulator.razorpay.account import ACCOUNT, WRONG_SECRET, Account, signature
from simulator.razorpay.doors import OrderDoors
from simulator.razorpay.money import MoneyDoors
from simulator.razorpay.pages import RazorpayPages
from simulator.razorpay.speaking import GATEWAY
from simulator.settings import Settings

EVENTS = {
    "payment.authorized": ("payment.authorized", ("payment",)),
    "payment.attempt_failed": ("payment.failed", ("payment",)),
    "payment.disputed": ("payment.dispute.created", ("payment",)),
    "refund.done": ("refund.processed", ("refund", "payment")),
    "refund.failed": ("refund.failed", ("refund", "payment")),
}
OF_LINKS = {
    "payment.paid": ("payment_link.paid", ("payment_link", "order", "payment")),
    "payment.closed": ("payment_link.cancelled", ("payment_link",)),
}
OF_CHECKOUTS = {"payment.paid": ("order.paid", ("order", "payment"))}
ALPHABET = string.ascii_letters + string.digits


class Razorpay:
    """Its doors, ids and notifications."""

    name = GATEWAY

    def __init__(self, books: Books, settings: Settings) -> None:
        self._books = books
        self._account = Account(settings.data)

    def routes(self) -> list[Route]:
        kinds = (OrderDoors, MoneyDoors, RazorpayPages)
        return [route for kind in kinds for route in kind(self._books, self._account).routes()]

    def new_id(self, kind: str) -> str:
        tail = "".join(secrets.choice(ALPHABET) for _ in range(14))
        return f"rfnd_{tail}" if kind == "refund" else tail

    def capture_id(self, payment: sqlite3.Row) -> str:
        """A payment has its id from when it was tried."""
        return entities.payment_id(payment)

    def consent_ends(self, payment: sqlite3.Row) -> float:
        """Uncaptured until then, an authorization goes back."""
        minutes = json.loads(payment["facts"])["minutes"]
        return self._books.now() + float(minutes) * 60 * self._books.time_factor

    def closes(self, method: str) -> Closes:
        return Closes.AT_ONCE

    def waits_for_capture(self, method: str) -> bool:
        return method == "checkout"

    def message(self, kind: str, payment: sqlite3.Row, refund: str, event_id: str) -> str | None:
        own = OF_LINKS if payment["method"] == "link" else OF_CHECKOUTS
        told = (EVENTS | own).get(kind)
        row = self._books.the("SELECT * FROM payments WHERE id = ?", payment["id"])
        if told is None or not row["notify_url"]:
            return None
        event, parts = told
        if event == "payment_link.cancelled" and "cancelled_at" not in json.loads(row["facts"]):
            event = "payment_link.expired"
        body = {
            "entity": "event",
            "account_id": ACCOUNT,
            "event": event,
            "contains": list(parts),
            "payload": {part: {"entity": self._entity(part, row, refund)} for part in parts},
            "created_at": int(self._books.now()),
        }
        return json.dumps(body)

    def sealed(self, body: str, *, event_id: str, forged: bool) -> tuple[Mapping[str, str], bytes]:
        secret = WRONG_SECRET if forged else self._account.webhook_secret
        raw = body.encode()
        return {
            "Content-Type": "application/json",
            "X-Razorpay-Signature": signature(secret, raw),
            "X-Razorpay-Event-Id": event_id,
        }, raw

    def is_acknowledged(self, answer: httpx.Response) -> bool:
        return answer.is_success

    def _entity(self, part: str, row: sqlite3.Row, refund: str) -> entities.Entity:
        paid = entities.payments_of(self._books, row)
        if part == "payment_link":
            return entities.link(self._books, row, paid)
        if part == "order":
            return entities.order(row, paid)
        if part == "payment":
            return paid[0]
        made = self._books.the("SELECT * FROM refunds WHERE reference = ?", refund)
        return entities.refund(made)
