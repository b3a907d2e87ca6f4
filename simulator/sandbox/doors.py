"""The merchant's doors: /v1/…, by key, every answer signed, every fault knob in one place."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import payments, refunds
from simulator.books import Books, Refusal, rfc3339
from simulator.doors import Doors, read
from simulator.sandbox import bank, wishes
from simulator.sandbox.signing import HEADER, WRONG_SECRET, signature
from simulator.settings import Settings

# One page of a statement; a busy day has many.
STATEMENT_ROWS = 250

Answer = tuple[int, dict[str, Any]]
Work = Callable[[dict[str, Any]], Answer]


class MerchantDoors(Doors[Answer]):
    """One method per door; `_call` does what they share."""

    def __init__(self, books: Books, settings: Settings) -> None:
        super().__init__(books)
        self._settings = settings

    def routes(self) -> list[Route]:
        return [
            Route("/v1/payments", self.create, methods=["POST"]),
            Route("/v1/payments/{reference}", self.query),
            Route("/v1/payments/{reference}/close", self.close, methods=["POST"]),
            Route("/v1/refunds", self.refund, methods=["POST"]),
            Route("/v1/refunds/{reference}", self.query_refund),
            Route("/v1/statement", self.statement),
        ]

    async def create(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            key = wishes.idempotency_key(request.headers)
            wanted = wishes.payment(body, self.books.merchant)
            return bank.open_payment(self.books, key, _fingerprint(body), wanted)

        return await self._call(request, "create", work)

    async def query(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            reference = request.path_params["reference"]
            if not payments.find(self.books, reference) or self.strikes("not_found", "query"):
                raise Refusal(404, "not_found")
            return 200, self._veiled(bank.describe(self.books, reference))

        return await self._call(request, "query", work)

    async def close(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            reference = wishes.reference(request.path_params["reference"])
            return 200, bank.close(self.books, reference, str(body.get("method", "")))

        return await self._call(request, "close", work)

    async def refund(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            wishes.idempotency_key(request.headers)
            wanted = wishes.refund(body, self.books.merchant)
            return bank.open_refund(self.books, _fingerprint(body), wanted)

        return await self._call(request, "refund", work)

    async def query_refund(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            refunds.pass_time(self.books)
            row = refunds.find(self.books, request.path_params["reference"])
            if self.strikes("not_found", "query_refund"):
                row = None
            return 200, bank.describe_refund(self.books, row)

        return await self._call(request, "query_refund", work)

    async def statement(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            after = wishes.cursor(request.query_params.get("after", "0"))
            return 200, self._statement(wishes.day(request.query_params.get("day", "")), after)

        return await self._call(request, "statement", work)

    async def _call(self, request: Request, operation: str, work: Work) -> Response:
        if not self._knows(request):
            await read(request)
            return self.sealed(operation, (401, {"error": "unauthorized"}))

        def answered(raw: bytes | None) -> Answer:
            try:
                return work(wishes.parsed(raw))
            except Refusal as refusal:
                return refusal.status, {"error": refusal.error}

        return await self.call(request, operation, answered)

    def broken(self) -> Answer:
        return 500, {"error": "internal"}

    def _knows(self, request: Request) -> bool:
        expected = f"Bearer {self._settings.api_key}".encode()
        given = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(expected, given)

    def _veiled(self, payment: dict[str, Any]) -> dict[str, Any]:
        if self.strikes("unknown", "query"):
            payment["state"] = "unknown"
        elif payment["state"] == "paid" and self.strikes("hold_status", "query"):
            payment |= {"state": "open", "final": False, "captures": [], "refunds": []}
        return payment

    def sealed(self, operation: str, answer: Answer) -> Response:
        status, told = answer
        for field, knob in (("merchant", "wrong_merchant"), ("reference", "wrong_reference")):
            target = told.get("payment", told)
            if field in target and self.strikes(knob, operation):
                target[field] = "SOMEBODY-ELSES"
        body = json.dumps(told, separators=(",", ":")).encode()
        if self.strikes("broken_answer", operation):
            body = body[: len(body) // 2]
        secret = self._settings.signing_secret
        if self.strikes("bad_signature", operation):
            secret = WRONG_SECRET
        skew = self.books.faults.figure("clock_skew")
        headers = {HEADER: signature(secret, body, skew), "Cache-Control": "no-store"}
        return Response(body, status, headers, media_type="application/json")

    def _statement(self, day: datetime, after: int) -> dict[str, Any]:
        rows = self.books.all(
            "SELECT * FROM movements WHERE at >= ? AND at < ? AND number > ?"
            " AND gateway = 'sandbox' AND returned_at IS NULL ORDER BY number LIMIT ?",
            day.timestamp(), (day + timedelta(days=1)).timestamp(), after, STATEMENT_ROWS,
        )  # fmt: skip
        return {
            "merchant": self.books.merchant,
            "day": day.date().isoformat(),
            "rows": [_statement_row(row) for row in rows],
            "next": rows[-1]["number"] if len(rows) == STATEMENT_ROWS else None,
        }


def _statement_row(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "kind": row["kind"],
        "reference": row["refund_reference"] or row["reference"],
        "payment_reference": row["reference"],
        "transaction_id": row["transaction_id"],
        "amount_minor": row["amount_minor"],
        "fee_minor": row["fee_minor"],
        "currency": row["currency"],
        "at": rfc3339(row["at"]),
    }


def _fingerprint(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
