"""Razorpay's doors of what can be paid: orders, payment links, and where events go."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import payments
from simulator.razorpay import entities, wishes
from simulator.razorpay.entities import Entity
from simulator.razorpay.speaking import GATEWAY, V1, Speaking, page_of
from simulator.razorpay.wishes import No


class OrderDoors(Speaking):
    """Orders know no key; links know their reference_id."""

    def routes(self) -> list[Route]:
        get, post = ["GET"], ["POST"]
        return [
            Route(f"{V1}/webhooks", self.webhook, methods=post),
            Route(f"{V1}/orders", self.create_order, methods=post),
            Route(f"{V1}/orders", self.orders, methods=get),
            Route(f"{V1}/orders/{{id}}", self.order, methods=get),
            Route(f"{V1}/orders/{{id}}/payments", self.payments_of_order, methods=get),
            Route(f"{V1}/payment_links", self.create_link, methods=post),
            Route(f"{V1}/payment_links", self.links, methods=get),
            Route(f"{V1}/payment_links/{{id}}", self.link, methods=get),
            Route(f"{V1}/payment_links/{{id}}/cancel", self.cancel, methods=post),
        ]

    async def webhook(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            self._account.set_webhook(wishes.webhook(body))
            return {"id": "wh_PayonceSimula1", "entity": "webhook", "url": self._account.webhook,
                    "active": True}  # fmt: skip

        return await self._call(request, "webhook", work)

    async def create_order(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            # No key and no look at the receipt: the same request again is another order.
            row = self._insert(wishes.order(body, self.books.now()))
            return entities.order(row, [])

        return await self._call(request, "create", work)

    async def create_link(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            wanted = wishes.link(body, self.books.now())
            if self.books.one("SELECT 1 FROM payments WHERE reference = ? AND method = 'link'",
                              wanted["reference"]):  # fmt: skip
                raise No("input_validation_failed", "this reference_id already exists")
            return entities.link(self.books, self._insert(wanted), [])

        return await self._call(request, "create", work)

    async def orders(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            told = request.query_params
            found = [self._shown_order(row, expanded=told.get("expand[]") == "payments")
                     for row in self._rows("checkout", told.get("receipt"))]  # fmt: skip
            return page_of(found, told)

        return await self._call(request, "query", work)

    async def order(self, request: Request) -> Response:
        return await self._call(request, "query", lambda _: self._shown_order(self._row(request)))

    async def payments_of_order(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            return entities.collection(self._paid(self._row(request)))

        return await self._call(request, "query", work)

    async def links(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            rows = self._rows("link", request.query_params.get("reference_id"))
            found = [entities.link(self.books, row, self._paid(row)) for row in rows]
            return {"payment_links": [self._veiled(one, "reference_id") for one in found]}

        return await self._call(request, "query", work)

    async def link(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            row = self._row(request)
            return entities.link(self.books, row, self._paid(row))

        return await self._call(request, "query", work)

    async def cancel(self, request: Request) -> Response:
        def work(body: dict[str, Any]) -> Entity:
            row = self._row(request)
            if row["state"] != "open" or self.strikes("refuse_close", "close"):
                raise No("input_validation_failed", "Payment link cannot be cancelled")
            facts = json.loads(row["facts"]) | {"cancelled_at": int(self.books.now())}
            self.books.write("UPDATE payments SET facts = ? WHERE id = ?",
                             json.dumps(facts), row["id"])  # fmt: skip
            payments.close(self.books, row)
            row = self._row(request)
            return entities.link(self.books, row, self._paid(row))

        return await self._call(request, "close", work)

    def _insert(self, wanted: dict[str, Any]) -> sqlite3.Row:
        if self.strikes("refuse_create", "create"):
            raise No("input_validation_failed", "This merchant may not do that")
        prefix = "order" if wanted["method"] == "checkout" else "plink"
        own = f"{prefix}_{self.books.gateways[GATEWAY].new_id('payment')}"
        given = {"return_url": self._account.shop} if prefix == "order" else {}
        row = payments.insert(self.books, GATEWAY, **wanted | given, id=own, merchant=GATEWAY,
                              notify_url=self._account.webhook, fingerprint=own,
                              idempotency_key=own)  # fmt: skip
        if self.strikes("decline_create", "create"):
            payments.decline(self.books, row, "card_declined", final=True)
        return row

    def _shown_order(self, row: sqlite3.Row, *, expanded: bool = False) -> Entity:
        paid = self._paid(row)
        more = {"payments": entities.collection(paid)} if expanded else {}
        return self._veiled(entities.order(row, paid) | more, "receipt")
