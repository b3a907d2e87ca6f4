"""How Razorpay's doors answer: Basic authentication and JSON, nothing of it signed."""

from __future__ import annotations

import base64
import hmac
import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulator import payments
from simulator.books import Books
from simulator.doors import Doors
from simulator.razorpay import entities, wishes
from simulator.razorpay.account import Account
from simulator.razorpay.entities import Entity
from simulator.razorpay.wishes import No

GATEWAY = "razorpay"
V1 = "/razorpay/v1"
PAGE, PAGE_MAX = 10, 100

Answer = tuple[int, Entity]
Work = Callable[[dict[str, Any]], Entity]


class Speaking(Doors[Answer]):
    """What the doors of orders and those of money share."""

    def __init__(self, books: Books, account: Account) -> None:
        super().__init__(books)
        self._account = account
        told = base64.b64encode(f"{account.key_id}:{account.key_secret}".encode()).decode()
        self._authorization = f"Basic {told}".encode()

    async def _call(self, request: Request, operation: str, work: Work) -> Response:
        def answered(raw: bytes | None) -> Answer:
            try:
                given = request.headers.get("authorization", "").encode()
                if not hmac.compare_digest(self._authorization, given):
                    raise No("authentication_failed", "Authentication failed", status=401)
                return 200, work(wishes.parsed(raw))
            except No as no:
                return no.status, _error("BAD_REQUEST_ERROR", no.reason, no.said)

        return await self.call(request, operation, answered)

    def broken(self) -> Answer:
        return 500, _error("SERVER_ERROR", "server_error", "We are facing some trouble")

    def sealed(self, operation: str, answer: Answer) -> Response:
        status, told = answer
        for name in ("receipt", "reference_id", "payment_id"):
            if name in told and self.strikes("wrong_reference", operation):
                told[name] = "SOMEBODY-ELSES"
        body = json.dumps(told).encode()
        if self.strikes("broken_answer", operation):
            body = body[: len(body) // 2]
        return Response(body, status, {"Cache-Control": "no-store"}, "application/json")

    def _rows(self, method: str, reference: str | None) -> list[sqlite3.Row]:
        """Rows whose reference contains this, as the filters do; newest first."""
        if method and self.strikes("not_found", "query"):
            return []
        payments.pass_time(self.books)
        rows = self.books.all("SELECT * FROM payments WHERE gateway = ? ORDER BY number DESC",
                              GATEWAY)  # fmt: skip
        wanted = reference or ""
        return [row for row in rows if method in ("", row["method"]) and wanted in row["reference"]]

    def _row(self, request: Request) -> sqlite3.Row:
        return there(entities.row_of(self.books, request.path_params["id"]))

    def _paid(self, row: sqlite3.Row) -> list[Entity]:
        """The payments of an order, as far as the knobs let it be seen."""
        paid = entities.payments_of(self.books, row)
        if row["state"] in ("paid", "authorized") and self.strikes("hold_status", "query"):
            return []
        if self.strikes("unknown", "query"):
            return [one | {"status": "unclear"} for one in paid]
        return paid

    def _payment(self, request: Request) -> tuple[sqlite3.Row, Entity]:
        row = self._row(request)
        paid = entities.payments_of(self.books, row)
        if not paid:
            raise No("input_validation_failed", "The id provided does not exist")
        return row, paid[0]

    def _veiled(self, one: Entity, name: str, operation: str = "query") -> Entity:
        wrong = self.strikes("wrong_reference", operation)
        return one | ({name: "SOMEBODY-ELSES"} if wrong else {})


def there(row: sqlite3.Row | None) -> sqlite3.Row:
    """The row, or Razorpay's word for an id that it does not know."""
    if row is None:
        raise No("input_validation_failed", "The id provided does not exist")
    return row


def page_of(found: list[Entity], told: Mapping[str, str]) -> Entity:
    """The part of a list that was asked for."""
    try:
        begin, end = int(told.get("from", 0)), int(told.get("to", 2**60))
        skip, count = int(told.get("skip", 0)), int(told.get("count", PAGE))
    except ValueError:
        raise No("input_validation_failed", "A number is wanted") from None
    if not 0 < count <= PAGE_MAX or skip < 0:
        raise No("input_validation_failed", f"The count is 1 to {PAGE_MAX}")
    within = [one for one in found if begin <= one["created_at"] <= end]
    return entities.collection(within[skip : skip + count])


def _error(code: str, reason: str, said: str) -> Entity:
    return {"error": {"code": code, "description": said, "source": "business",
                      "step": "payment_initiation", "reason": reason, "metadata": {}}}  # fmt: skip
