"""Razorpay's doors of money: payments, captures, refunds."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import payments, refunds
from simulator.books import Refusal
from simulator.razorpay import entities, wishes
from simulator.razorpay.entities import Entity
from simulator.razorpay.speaking import GATEWAY, V1, Speaking, page_of, there
from simulator.razorpay.wishes import No


class MoneyDoors(Speaking):
    """Everything about a payment once somebody has tried it."""

    def routes(self) -> list[Route]:
        get, post = ["GET"], ["POST"]
        return [
            Route(f"{V1}/payments", self.payments, methods=get),
            Route(f"{V1}/payments/{{id}}", self.payment, methods=get),
            Route(f"{V1}/payments/{{id}}/capture", self.capture, methods=post),
            Route(f"{V1}/payments/{{id}}/refund", self.refund, methods=post),
            Route(f"{V1}/payments/{{id}}/refunds", self.refunds_of_payment, methods=get),
            Route(f"{V1}/refunds", self.refunds, methods=get),
            Route(f"{V1}/refunds/{{id}}", self.one_refund, methods=get),
        ]

    async def payment(self, request: Request) -> Response:
        return await self._call(request, "query", lambda _: self._payment(request)[1])

    async def payments(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            found = [paid for row in self._rows("", None)
                     for paid in entities.payments_of(self.books, row)]  # fmt: skip
            return page_of(found, request.query_params)

        return await self._call(request, "statement", work)

    async def capture(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            row, paid = self._payment(request)
            if row["state"] != "authorized":
                raise No("already_captured", "This payment has already been captured")
            if wishes.amount(body) != (paid["amount"], paid["currency"]):
                raise No("input_validation_failed", "Capture amount must be equal to the amount")
            payments.capture(self.books, row)
            return self._payment(request)[1]

        return await self._call(request, "capture", work)

    async def refund(self, request: Request) -> Response:
        key = request.headers.get("x-refund-idempotency", "")

        def work(body: dict[str, Any]) -> Entity:
            if key and not wishes.REFUND_KEY.fullmatch(key):
                raise No("input_validation_failed", "The idempotency key is too short")
            return self._refund(request, key, body)

        return await self._call(request, "refund", work)

    async def refunds_of_payment(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            refunds.pass_time(self.books)
            rows = self.books.all("SELECT * FROM refunds WHERE transaction_id = ?",
                                  self._payment(request)[1]["id"])  # fmt: skip
            if self.strikes("not_found", "query_refund"):
                rows = []
            found = [
                self._veiled(entities.refund(row), "payment_id", "query_refund") for row in rows
            ]
            return page_of(found, request.query_params)

        return await self._call(request, "query_refund", work)

    async def refunds(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            rows = self.books.all(
                "SELECT refunds.* FROM refunds JOIN payments"
                " ON payments.reference = refunds.payment_reference WHERE gateway = ?", GATEWAY
            )  # fmt: skip
            returned = [entities.auto_refund(row) for row in self._rows("", None)
                        if entities.has_lapsed(row)]  # fmt: skip
            return page_of([entities.refund(row) for row in rows] + returned, request.query_params)

        return await self._call(request, "statement", work)

    async def one_refund(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            row = self.books.one("SELECT * FROM refunds WHERE id = ?", request.path_params["id"])
            return entities.refund(there(row))

        return await self._call(request, "query_refund", work)

    def _refund(self, request: Request, key: str, body: dict[str, Any]) -> Entity:
        row, paid = self._payment(request)
        amount, receipt, notes = wishes.refund(body, paid["amount"] - paid["amount_refunded"])
        wanted = {
            # Without a key each request is a refund of its own.
            "reference": key or f"unnamed-{secrets.token_hex(8)}",
            "payment_reference": row["reference"],
            "transaction_id": paid["id"],
            "amount_minor": amount,
            "currency": paid["currency"],
            "reason": "",
            "facts": json.dumps({"receipt": receipt, "notes": notes}),
        }
        mark = hashlib.sha256(json.dumps([paid["id"], body], sort_keys=True).encode()).hexdigest()
        try:
            _, made = refunds.open_refund(self.books, GATEWAY, mark, **wanted)
        except Refusal as refusal:
            raise No(refusal.error, "The refund is not possible") from refusal
        return entities.refund(made)
