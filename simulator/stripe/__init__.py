"""Stripe: PaymentIntents for cards and Boletos, hosted Checkout Sessions, refunds, webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Mapping

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulator import payments, refunds
from simulator.books import Books
from simulator.gateway import Closes
from simulator.html import join, page, render
from simulator.people import SAYINGS, shown, standing, unknown_link
from simulator.settings import Settings
from simulator.stripe.account import Account
from simulator.stripe.desk import new_id
from simulator.stripe.doors import StripeDoors
from simulator.stripe.shapes import API_VERSION, GATEWAY, Shapes

PREFIXES = {"payment": "pi", "capture": "ch", "refund": "re"}
CLOSES = {
    "card": Closes.NOT_WHILE_CHARGED, "redirect": Closes.AT_ONCE, "boleto": Closes.AT_ONCE,
}  # fmt: skip
# What we say -> what Stripe says about an intent, and about a hosted page.
TYPES = {
    "payment.paid": ("payment_intent.succeeded", "checkout.session.completed"),
    "payment.declined": ("payment_intent.canceled", "checkout.session.expired"),
    "payment.attempt_failed": ("payment_intent.payment_failed", "payment_intent.payment_failed"),
    "payment.closed": ("payment_intent.canceled", "checkout.session.expired"),
}
WRONG_SECRET = "whsec_not_the_secret"  # noqa: S105 - that is the point of it


class Stripe:
    """Its doors, ids and events."""

    name = GATEWAY
    #: A failed attempt, or a shopper who turns back, leaves the same object payable.
    declines_end_nothing = True

    def __init__(self, books: Books, settings: Settings) -> None:
        self._books = books
        self._account = Account(settings.data)
        self._shapes = Shapes(books)

    def routes(self) -> list[Route]:
        return [
            *StripeDoors(self._books, self._account).routes(),
            Route("/stripe/elements/{secret}", self.card_form),
            Route("/stripe/vouchers/{token}", self.voucher, methods=["GET", "POST"]),
        ]

    def new_id(self, kind: str) -> str:
        return new_id(PREFIXES[kind])

    def closes(self, method: str) -> Closes:
        return CLOSES[method]

    def waits_for_capture(self, method: str) -> bool:
        return False

    def message(self, kind: str, payment: sqlite3.Row, refund: str, event_id: str) -> str | None:
        if not payment["notify_url"]:
            return None
        payment = self._books.the("SELECT * FROM payments WHERE id = ?", payment["id"])
        hosted = payment["method"] == "redirect"
        if kind.startswith("refund."):
            found = refunds.find(self._books, refund)
            told = "refund.failed" if kind == "refund.failed" else "refund.updated"
            about = self._shapes.refund(found) if found else {}
        elif kind == "payment.disputed":
            charge = self._shapes.charge(payment)
            told = "charge.dispute.created"
            about = {"id": new_id("du"), "object": "dispute", "charge": charge["id"],
                     "payment_intent": charge["payment_intent"], "metadata": {},
                     "livemode": False}  # fmt: skip
        elif kind in TYPES:
            told = TYPES[kind][hosted]
            inside = hosted and told.startswith("checkout.")
            about = (self._shapes.session if inside else self._shapes.intent)(payment)
        else:
            return None
        event = {
            "id": event_id,
            "object": "event",
            "api_version": API_VERSION,
            "created": int(self._books.now()),
            "data": {"object": about},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": told,
        }
        return json.dumps(event)

    def sealed(self, body: str, *, event_id: str, forged: bool) -> tuple[Mapping[str, str], bytes]:
        moment = int(time.time() + self._books.faults.figure("clock_skew"))
        secret = WRONG_SECRET if forged else self._account.webhook_secret
        raw = body.encode()
        signed = f"{moment}.".encode() + raw
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": f"t={moment},v1={digest}",
        }
        return headers, raw

    def is_acknowledged(self, answer: httpx.Response) -> bool:
        return answer.is_success

    async def card_form(self, request: Request) -> Response:
        """Where Stripe's script would show its own form: the bank's, under the same secret."""
        _, _, token = request.path_params["secret"].partition("_secret_")
        return RedirectResponse(f"/card/{token}", 302)

    async def voucher(self, request: Request) -> Response:
        """The Boleto's page, where a shopper sees its number and here can pay it."""
        row = payments.find_by_token(self._books, request.path_params["token"], "boleto")
        if row is None:
            return unknown_link()
        if request.method == "POST":
            if str((await request.form()).get("act")) == "pay" and row["state"] == "open":
                payments.pay(self._books, row)
            return RedirectResponse(request.url.path, 303)
        number = json.loads(row["facts"])["voucher"]
        if standing(row) == "open":
            parts = [
                render("said", said=f"Boleto {number}", state="open"),
                render("buttons", **shown(row), pay="Pay this Boleto", extra=""),
            ]
        else:
            parts = [render("said", said=SAYINGS[standing(row)], state=standing(row))]
        content = render("wallet", **shown(row), body=join(parts))
        return page("Boleto", content, look="phone")
