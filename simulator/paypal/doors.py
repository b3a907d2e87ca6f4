"""PayPal's doors below /paypal: a token first, then orders, captures, refunds and the report."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import secrets
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import refunds
from simulator.books import Books, Refusal, rfc3339
from simulator.doors import Doors, read
from simulator.paypal.account import CERTIFICATE_PATH, TOKEN_SECONDS, Account
from simulator.paypal.desk import ORDER_KEY_SECONDS, REFUND_KEY_SECONDS, Desk, Wrong
from simulator.paypal.shapes import GATEWAY, Shapes

Answer = tuple[int, dict[str, Any]]
Tree = dict[str, Any]


class PayPalDoors(Doors[Answer]):
    """Every change has its PayPal-Request-Id; a repeat is told how it stands now."""

    def __init__(self, books: Books, account: Account) -> None:
        super().__init__(books)
        self._account = account
        self._desk = Desk(books)
        self._shapes = Shapes(books, account.merchant_id)

    def routes(self) -> list[Route]:
        orders, captures = "/paypal/v2/checkout/orders", "/paypal/v2/payments/captures"
        return [
            Route("/paypal/v1/oauth2/token", self.token, methods=["POST"]),
            Route("/paypal/v1/oauth2/token/terminate", self.end_tokens, methods=["POST"]),
            Route(orders, self.open_order, methods=["POST"]),
            Route(f"{orders}/{{id}}", self.order),
            Route(f"{orders}/{{id}}/capture", self.take, methods=["POST"]),
            Route(f"{captures}/{{id}}", self.capture),
            Route(f"{captures}/{{id}}/refund", self.send_back, methods=["POST"]),
            Route("/paypal/v2/payments/refunds/{id}", self.refund),
            Route("/paypal/v1/reporting/transactions", self.report),
            Route("/paypal/v1/notifications/webhooks", self.webhook, methods=["POST"]),
            Route(f"/paypal{CERTIFICATE_PATH}", self.certificate),
        ]

    async def token(self, request: Request) -> Response:
        pair = f"{self._account.client_id}:{self._account.client_secret}"
        expected = f"Basic {b64encode(pair.encode()).decode()}".encode()
        given = request.headers.get("authorization", "").encode()

        def work(raw: bytes | None) -> Answer:
            if not hmac.compare_digest(given, expected) or not raw:
                return 401, {"error": "invalid_client", "error_description": "No such client."}
            if raw != b"grant_type=client_credentials":
                return 400, {"error": "unsupported_grant_type"}
            return 200, {"access_token": self._account.new_token(), "token_type": "Bearer",
                         "expires_in": TOKEN_SECONDS, "scope": "", "app_id": "APP-SIMULATED",
                         "nonce": secrets.token_hex(8)}  # fmt: skip

        return await self.call(request, "token", work)

    async def end_tokens(self, request: Request) -> Response:
        """Every token is worth nothing from now on."""
        return JSONResponse({"ended": self._account.forget_tokens()})

    async def open_order(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            key, mark = _key(request), _fingerprint(request, tree)
            known = self._desk.by_key("payments", key, mark, ORDER_KEY_SECONDS)
            if known is not None and not self.strikes("ignore_key", "create"):
                return 200, self._shapes.order(self._desk.find(known["id"]))
            row = self._desk.open_order(tree, key, mark, self._account.endpoint)
            return 201, self._shapes.order(self._desk.find(row["id"]))

        return await self._call(request, "create", work)

    async def order(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            refunds.pass_time(self.books)
            row = self._desk.find(request.path_params["id"])
            if self.strikes("not_found", "query"):
                raise Wrong(404, "INVALID_RESOURCE_ID", "order_id")
            return 200, self._veiled(self._shapes.order(row))

        return await self._call(request, "query", work)

    async def take(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            row = self._desk.find(request.path_params["id"])
            self._desk.capture(row, _key(request))
            told = self._shapes.order(self._desk.find(row["id"]))
            # As PayPal answers a capture: without the words of the order around it.
            for unit in told["purchase_units"]:
                for word in ("payee", "invoice_id", "custom_id", "amount", "description"):
                    unit.pop(word)
            return 201, told

        return await self._call(request, "capture", work)

    async def capture(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            row = self._desk.by_capture(request.path_params["id"])
            return 200, self._shapes.capture(row) or {}

        return await self._call(request, "query", work)

    async def send_back(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            key, mark = _key(request), _fingerprint(request, tree)
            refunds.pass_time(self.books)
            known = self._desk.by_key("refunds", key, mark, REFUND_KEY_SECONDS)
            if known is not None:
                return 200, self._shapes.refund(known)
            capture_id = request.path_params["id"]
            row = self._desk.by_capture(capture_id)
            return 201, self._shapes.refund(self._desk.send_back(row, capture_id, tree, key, mark))

        return await self._call(request, "refund", work)

    async def refund(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            refunds.pass_time(self.books)
            found = self.books.one("SELECT * FROM refunds WHERE id = ?", request.path_params["id"])
            if found is None:
                raise Wrong(404, "INVALID_RESOURCE_ID", "refund_id")
            return 200, self._shapes.refund(found)

        return await self._call(request, "query_refund", work)

    async def report(self, request: Request) -> Response:
        def work(tree: Tree) -> Answer:
            asked = request.query_params
            try:
                begins = datetime.fromisoformat(asked["start_date"]).timestamp()
                ends = datetime.fromisoformat(asked["end_date"]).timestamp()
                page, size = int(asked.get("page", 1)), int(asked.get("page_size", 100))
            except (KeyError, ValueError):
                raise Wrong(400, "INVALID_REQUEST") from None
            if not 0 <= ends - begins <= 31 * 24 * 3600 or not 1 <= size <= 500:
                raise Wrong(400, "INVALID_REQUEST", "/start_date")
            rows = self.books.all(
                "SELECT * FROM movements WHERE gateway = ? AND at >= ? AND at < ? ORDER BY number",
                GATEWAY, begins, ends + 1,
            )  # fmt: skip
            shown = rows[(page - 1) * size : page * size]
            return 200, {
                "transaction_details": [self._shapes.transaction(row) for row in shown],
                "account_number": self._account.merchant_id,
                "start_date": asked["start_date"], "end_date": asked["end_date"],
                "last_refreshed_datetime": rfc3339(int(self.books.now())).replace("Z", "+0000"),
                "page": page, "total_items": len(rows),
                "total_pages": max(1, math.ceil(len(rows) / size)), "links": [],
            }  # fmt: skip

        return await self._call(request, "statement", work)

    async def webhook(self, request: Request) -> Response:
        """The one webhook of this account; the newest address counts."""

        def work(tree: Tree) -> Answer:
            self._account.set_endpoint(str(tree.get("url", "")))
            return 201, {"id": self._account.webhook_id, "url": tree.get("url"),
                         "event_types": [{"name": "*"}], "links": []}  # fmt: skip

        return await self._call(request, "webhook", work)

    async def certificate(self, request: Request) -> Response:
        return Response(self._account.certificate, media_type="application/x-pem-file")

    def broken(self) -> Answer:
        return 500, {"name": "INTERNAL_SERVER_ERROR", "message": "Try again.", "details": []}

    def sealed(self, operation: str, answer: Answer) -> Response:
        status, told = answer
        if status < 300 and self.strikes("wrong_merchant", operation):
            told = _changed(told, ("merchant_id", "account_number"), "SOMEBODYELSES")
        if status < 300 and self.strikes("wrong_reference", operation):
            told = _changed(told, ("invoice_id", "custom_id"), "SOMEBODYELSES0000000000000")
        body = json.dumps(told).encode()
        if self.strikes("broken_answer", operation):
            body = body[: len(body) // 2]
        headers = {"PayPal-Debug-Id": secrets.token_hex(7), "Cache-Control": "no-store"}
        return Response(body, status, headers, media_type="application/json")

    async def _call(
        self, request: Request, operation: str, work: Callable[[Tree], Answer]
    ) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not self._account.knows(token):
            await read(request)
            return self.sealed(operation, (401, Wrong(401, "INVALID_TOKEN").told))

        def answered(raw: bytes | None) -> Answer:
            try:
                return work(_parsed(raw))
            except Wrong as wrong:
                return wrong.status, wrong.told
            except Refusal as no:
                return 422, Wrong(422, no.error.upper()).told

        return await self.call(request, operation, answered)

    def _veiled(self, told: dict[str, Any]) -> dict[str, Any]:
        if self.strikes("unknown", "query"):
            told["status"] = "NOT_IN_THE_DOCUMENTATION"
            told["purchase_units"][0].pop("payments", None)
        elif told["status"] == "COMPLETED" and self.strikes("hold_status", "query"):
            told["status"] = "APPROVED"
            told["purchase_units"][0].pop("payments", None)
        return told


def _key(request: Request) -> str:
    return request.headers.get("paypal-request-id") or secrets.token_hex(16)


def _fingerprint(request: Request, tree: Tree) -> str:
    canonical = json.dumps([request.url.path, tree], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _parsed(raw: bytes | None) -> Tree:
    try:
        tree = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        raise Wrong(400, "MALFORMED_REQUEST_JSON") from None
    if raw is None or not isinstance(tree, dict):
        raise Wrong(400, "MALFORMED_REQUEST_JSON")
    return tree


def _changed(told: Any, names: tuple[str, ...], value: object) -> Any:
    """The same answer with something said otherwise, wherever it is said."""
    if isinstance(told, dict):
        return {k: value if k in names else _changed(v, names, value) for k, v in told.items()}
    return [_changed(inner, names, value) for inner in told] if isinstance(told, list) else told
