"""Stripe's doors below /stripe/v1: forms in, JSON out, one answer for each key."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import sqlite3
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import payments, refunds
from simulator.books import Books, Refusal
from simulator.doors import Doors, read
from simulator.stripe import forms
from simulator.stripe.account import Account
from simulator.stripe.desk import Desk
from simulator.stripe.forms import Wrong
from simulator.stripe.shapes import GATEWAY, Shapes, facts_of

# Status, object, and whether an earlier request with this key is answered again.
Answer = tuple[int, dict[str, Any], bool]
Tree = dict[str, Any]
QUERY = re.compile(r"metadata\['(\w{1,40})'\]:'([^']{1,100})'", re.ASCII)
# Test payment methods that a merchant may confirm with, as in Stripe's own test mode.
TEST_METHODS = {"pm_card_visa": "", "pm_card_chargeDeclined": "generic_decline"}


class StripeDoors(Doors[Answer]):
    """Intents, sessions, refunds, the balance and the webhook endpoint."""

    def __init__(self, books: Books, account: Account) -> None:
        super().__init__(books)
        self._account = account
        self._desk = Desk(books)
        self._shapes = Shapes(books)

    def routes(self) -> list[Route]:
        v1 = "/stripe/v1"
        intents, sessions = f"{v1}/payment_intents", f"{v1}/checkout/sessions"
        return [
            Route(intents, self.open_intent, methods=["POST"]),
            Route(f"{intents}/search", self.search),
            Route(f"{intents}/{{id}}", self.intent),
            Route(f"{intents}/{{id}}/cancel", self.cancel, methods=["POST"]),
            Route(f"{intents}/{{id}}/confirm", self.confirm, methods=["POST"]),
            Route(sessions, self.open_session, methods=["POST"]),
            Route(f"{sessions}/{{id}}", self.session),
            Route(f"{sessions}/{{id}}/expire", self.expire, methods=["POST"]),
            Route(f"{v1}/refunds", self.send_back, methods=["POST"]),
            Route(f"{v1}/refunds", self.refunds),
            Route(f"{v1}/refunds/{{id}}", self.refund),
            Route(f"{v1}/balance_transactions", self.balance),
            Route(f"{v1}/webhook_endpoints", self.endpoint, methods=["POST"]),
        ]

    async def open_intent(self, request: Request) -> Response:
        return await self._create(request, self._desk.open_intent, self._shapes.intent)

    async def open_session(self, request: Request) -> Response:
        return await self._create(request, self._desk.open_session, self._shapes.session)

    async def intent(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            row = self._row(request, "query")
            return 200, self._veiled(self._shapes.intent(row, expand="expand" in tree)), False

        return await self._call(request, "query", work)

    async def session(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            row = self._row(request, "query")
            return 200, self._veiled(self._shapes.session(row, expand="expand" in tree)), False

        return await self._call(request, "query", work)

    async def search(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            found = QUERY.fullmatch(str(tree.get("query", "")))
            if found is None:
                raise Wrong(400, param="query")
            payments.pass_time(self.books)
            rows = self.books.all(
                "SELECT * FROM payments WHERE gateway = ? AND json_extract(facts, ?) = ?",
                GATEWAY, f"$.metadata.{found[1]}", found[2],
            )  # fmt: skip
            # The payment of a hosted page is made by the shopper's first try.
            shown = [
                self._shapes.intent(row, expand="expand" in tree)
                for row in rows
                if row["method"] != "redirect" or self._shapes.session(row)["payment_intent"]
            ]
            if self.strikes("not_found", "query"):
                shown = []
            shown = [self._veiled(one) for one in shown]
            return 200, {"object": "search_result", "data": shown, "has_more": False,
                         "next_page": None, "url": "/v1/payment_intents/search"}, False  # fmt: skip

        return await self._call(request, "query", work)

    async def cancel(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            row = self._row(request)
            if row["method"] == "redirect":
                raise Wrong(400, "payment_intent_unexpected_state", said="Expire its session.")
            self._desk.end(row)
            return 200, self._shapes.intent(self._row(request)), False

        return await self._call(request, "close", work)

    async def expire(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            self._desk.end(self._row(request))
            return 200, self._shapes.session(self._row(request)), False

        return await self._call(request, "close", work)

    async def confirm(self, request: Request) -> Response:
        """What the shop's page does with the shopper's card, for tests without one."""

        def work(tree: Tree) -> Answer:
            row, card = self._row(request), str(tree.get("payment_method", ""))
            if card not in TEST_METHODS or row["state"] != "open":
                raise Wrong(400, "payment_intent_unexpected_state", param="payment_method")
            if code := TEST_METHODS[card]:
                payments.decline(self.books, row, code, final=False)
                raise Wrong(402, "card_declined", kind="card_error")
            payments.pay(self.books, row)
            return 200, self._shapes.intent(self._row(request)), False

        return await self._call(request, "confirm", work)

    async def send_back(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            key, mark = self._key(request), forms.fingerprint(request.url.path, tree)
            known = self._desk.by_key("refunds", key, mark)
            if known is not None:
                return 200, facts_of(known)["answer"], True
            row = self._desk.send_back(tree, key, mark)
            shown = self._shapes.refund(row)
            self._desk.remember("refunds", row, answer=shown)
            return 200, shown, False

        return await self._call(request, "refund", work)

    async def refunds(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            refunds.pass_time(self.books)
            rows = self.books.all(
                "SELECT * FROM refunds WHERE transaction_id = ?"
                " OR json_extract(facts, '$.intent') = ? ORDER BY created_at DESC, id",
                tree.get("charge", ""), tree.get("payment_intent", ""),
            )  # fmt: skip
            if self.strikes("not_found", "query_refund"):
                rows = []
            return 200, self._page(request, [self._shapes.refund(row) for row in rows], tree), False

        return await self._call(request, "query_refund", work)

    async def refund(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            refunds.pass_time(self.books)
            row = self.books.one("SELECT * FROM refunds WHERE id = ?", request.path_params["id"])
            if row is None or self.strikes("not_found", "query_refund"):
                raise Wrong(404, "resource_missing", param="id")
            return 200, self._shapes.refund(row), False

        return await self._call(request, "query_refund", work)

    async def balance(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            created = forms.below(tree, "created")
            rows = self.books.all(
                "SELECT * FROM movements WHERE gateway = ? AND at >= ? AND at < ?"
                " ORDER BY number DESC", GATEWAY,
                float(created.get("gte", 0)), float(created.get("lt", 10**12)),
            )  # fmt: skip
            shown = [self._shapes.movement(row, expand="expand" in tree) for row in rows]
            return 200, self._page(request, shown, tree), False

        return await self._call(request, "statement", work)

    async def endpoint(self, request: Request) -> Response:
        """The one webhook endpoint of this account; the newest counts."""

        def work(tree: Tree) -> Answer:
            self._account.set_endpoint(str(tree.get("url", "")))
            return 200, {
                "id": "we_simulated", "object": "webhook_endpoint", "livemode": False,
                "enabled_events": ["*"], "url": tree.get("url"), "status": "enabled",
                "secret": self._account.webhook_secret,
            }, False  # fmt: skip

        return await self._call(request, "endpoint", work)

    def broken(self) -> Answer:
        return 500, {"error": {"type": "api_error", "message": "Something went wrong."}}, False

    def sealed(self, operation: str, answer: Answer) -> Response:
        status, told, replayed = answer
        if status == 200 and self.strikes("wrong_merchant", operation):
            told = _changed(told, "livemode", True)  # noqa: FBT003 - a value of JSON
        if status == 200 and self.strikes("wrong_reference", operation):
            told = _changed(told, "reference", "SOMEBODY-ELSES")
        body = json.dumps(told).encode()
        if self.strikes("broken_answer", operation):
            body = body[: len(body) // 2]
        headers = {"Request-Id": f"req_{secrets.token_hex(7)}", "Cache-Control": "no-store"}
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(body, status, headers, media_type="application/json")

    async def _create(
        self,
        request: Request,
        make: Callable[[Tree, str, str, str], sqlite3.Row],
        show: Callable[[sqlite3.Row], dict[str, Any]],
    ) -> Response:
        def work(tree: Tree) -> Answer:
            key, mark = self._key(request), forms.fingerprint(request.url.path, tree)
            known = self._desk.by_key("payments", key, mark)
            if known is not None and not self.strikes("ignore_key", "create"):
                return 200, facts_of(known)["answer"], True
            row = make(tree, key, mark, self._account.endpoint)
            row = self.books.the("SELECT * FROM payments WHERE id = ?", row["id"])
            self._desk.remember("payments", row, answer=show(row))
            return 200, show(row), False

        return await self._call(request, "create", work)

    async def _call(
        self, request: Request, operation: str, work: Callable[[Tree], Answer]
    ) -> Response:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._account.secret_key}".encode()):
            await read(request)
            return self.sealed(operation, (401, Wrong(401, said="No such key.").told, False))

        def answered(raw: bytes | None) -> Answer:
            try:
                asked = request.url.query.encode() if request.method == "GET" else raw
                return work(forms.parsed(asked))
            except Wrong as wrong:
                return wrong.status, wrong.told, False
            except Refusal as no:
                return 400, Wrong(400, no.error).told, False

        return await self.call(request, operation, answered)

    def _key(self, request: Request) -> str:
        return request.headers.get("idempotency-key") or secrets.token_hex(16)

    def _row(self, request: Request, operation: str = "") -> sqlite3.Row:
        row = self._desk.find(request.path_params["id"])
        if row is None or (operation and self.strikes("not_found", operation)):
            raise Wrong(404, "resource_missing", param="intent")
        return row

    def _veiled(self, told: dict[str, Any]) -> dict[str, Any]:
        intent = told if told["object"] == "payment_intent" else told["payment_intent"]
        paid = isinstance(intent, dict) and intent["status"] == "succeeded"
        if self.strikes("unknown", "query"):
            told["status"] = "not_in_the_documentation"
        elif paid and self.strikes("hold_status", "query"):
            if told is not intent:
                told |= {"status": "open", "payment_status": "unpaid", "payment_intent": None}
            intent |= {"status": "processing", "latest_charge": None, "amount_received": 0}
        return told

    def _page(self, request: Request, rows: list[dict[str, Any]], tree: Tree) -> dict[str, Any]:
        limit = forms.whole({"limit": "10"} | tree, "limit")
        after = tree.get("starting_after")
        places = [place for place, row in enumerate(rows) if row["id"] == after]
        rest = rows[places[0] + 1 :] if places else rows
        return {
            "object": "list",
            "data": rest[:limit],
            "has_more": len(rest) > limit,
            "url": request.url.path.removeprefix("/stripe"),
        }


def _changed(told: Any, name: str, value: object) -> Any:
    """The same answer with one thing said otherwise, wherever it is said."""
    if isinstance(told, dict):
        return {k: value if k == name else _changed(v, name, value) for k, v in told.items()}
    return [_changed(inner, name, value) for inner in told] if isinstance(told, list) else told
