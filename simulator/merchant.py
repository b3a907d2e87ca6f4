"""The merchant's doors: /v1/…, by key, every answer signed, every fault knob in one place."""

from __future__ import annotations

import asyncio
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

from simulator import payments, refunds, wishes
from simulator.books import Books, Refusal, rfc3339
from simulator.settings import Settings
from simulator.signing import HEADER, WRONG_SECRET, signature

BODY_BYTES_MAX = 64 * 1024
# One page of a statement; a busy day has many.
STATEMENT_ROWS = 250

Answer = tuple[int, dict[str, Any]]
Work = Callable[[dict[str, Any]], Answer]


class MerchantDoors:
    """One method per door; `_call` does what they share."""

    def __init__(self, books: Books, settings: Settings) -> None:
        self._books = books
        self._settings = settings
        self._later: set[asyncio.Task[None]] = set()

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
            wanted = wishes.payment(body, self._books.merchant)
            return payments.open_payment(self._books, key, _fingerprint(body), wanted)

        return await self._call(request, "create", work)

    async def query(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            reference = request.path_params["reference"]
            if not payments.find(self._books, reference) or self._strikes("not_found", "query"):
                raise Refusal(404, "not_found")
            return 200, self._veiled(payments.describe(self._books, reference))

        return await self._call(request, "query", work)

    async def close(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            reference = wishes.reference(request.path_params["reference"])
            return 200, payments.close(self._books, reference, str(body.get("method", "")))

        return await self._call(request, "close", work)

    async def refund(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            wishes.idempotency_key(request.headers)
            wanted = wishes.refund(body, self._books.merchant)
            return refunds.open_refund(self._books, _fingerprint(body), wanted)

        return await self._call(request, "refund", work)

    async def query_refund(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            refunds.pass_time(self._books)
            row = refunds.find(self._books, request.path_params["reference"])
            if self._strikes("not_found", "query_refund"):
                row = None
            return 200, refunds.describe(self._books, row)

        return await self._call(request, "query_refund", work)

    async def statement(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Answer:
            after = wishes.cursor(request.query_params.get("after", "0"))
            return 200, self._statement(wishes.day(request.query_params.get("day", "")), after)

        return await self._call(request, "statement", work)

    async def _call(self, request: Request, operation: str, work: Work) -> Response:
        """Authenticate, misbehave as the knobs say, do the work, sign the answer."""
        faults = self._books.faults
        raw = await _read(request)
        if not self._knows(request):
            return self._signed(operation, 401, {"error": "unauthorized"})
        await asyncio.sleep(faults.delay_seconds(operation))
        if self._strikes("error_before", operation):
            return self._signed(operation, 500, {"error": "internal"})
        if self._strikes("late_request", operation):
            self._do_later(faults.late_request_seconds(), lambda: self._do(work, raw))
            return await _cut(request)
        status, answer = self._do(work, raw)
        if self._strikes("lose_answer", operation):
            return await _cut(request)
        if self._strikes("error_after", operation):
            return self._signed(operation, 500, {"error": "internal"})
        return self._signed(operation, status, answer)

    def _do(self, work: Work, raw: bytes | None) -> Answer:
        # A refusal commits too: "closed before it was seen" is remembered by a 404.
        with self._books.change():
            try:
                return work(wishes.parsed(raw))
            except Refusal as refusal:
                return refusal.status, {"error": refusal.error}

    def _do_later(self, seconds: float, act: Callable[[], object]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            act()

        task = asyncio.create_task(wait())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _knows(self, request: Request) -> bool:
        expected = f"Bearer {self._settings.api_key}".encode()
        given = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(expected, given)

    def _strikes(self, knob: str, operation: str) -> bool:
        return self._books.faults.strikes(knob, operation)

    def _veiled(self, payment: dict[str, Any]) -> dict[str, Any]:
        if self._strikes("unknown", "query"):
            payment["state"] = "unknown"
        elif payment["state"] == "paid" and self._strikes("hold_status", "query"):
            payment |= {"state": "open", "final": False, "captures": [], "refunds": []}
        return payment

    def _signed(self, operation: str, status: int, answer: dict[str, Any]) -> Response:
        for field, knob in (("merchant", "wrong_merchant"), ("reference", "wrong_reference")):
            target = answer.get("payment", answer)
            if field in target and self._strikes(knob, operation):
                target[field] = "SOMEBODY-ELSES"
        body = json.dumps(answer, separators=(",", ":")).encode()
        if self._strikes("broken_answer", operation):
            body = body[: len(body) // 2]
        secret = self._settings.signing_secret
        if self._strikes("bad_signature", operation):
            secret = WRONG_SECRET
        skew = self._books.faults.figure("clock_skew")
        headers = {HEADER: signature(secret, body, skew), "Cache-Control": "no-store"}
        return Response(body, status, headers, media_type="application/json")

    def _statement(self, day: datetime, after: int) -> dict[str, Any]:
        rows = self._books.all(
            "SELECT * FROM movements WHERE at >= ? AND at < ? AND number > ?"
            " AND returned_at IS NULL ORDER BY number LIMIT ?",
            day.timestamp(), (day + timedelta(days=1)).timestamp(), after, STATEMENT_ROWS,
        )  # fmt: skip
        return {
            "merchant": self._books.merchant,
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


async def _read(request: Request) -> bytes | None:
    """The body, or None when it is larger than anything a merchant has to say."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return body


async def _cut(request: Request) -> Response:
    """Drop the connection; what is returned goes nowhere."""
    request.scope["cut"]()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()
