"""`/alipay/gateway.do`: one door for every call, and for the shopper who brings a signed link."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulator import payments
from simulator.alipay import trades
from simulator.alipay.signing import from_china_time, is_genuine, signature
from simulator.books import Books
from simulator.doors import Doors
from simulator.html import page, render
from simulator.people import shown, unknown_link

# How far the timestamp of a call may be from the clock of China: local time of elsewhere fails.
TIMESTAMP_SECONDS = 15 * 60
OPERATIONS = {
    "alipay.trade.precreate": "create",
    "alipay.trade.query": "query",
    "alipay.trade.close": "close",
    "alipay.trade.cancel": "close",
    "alipay.trade.refund": "refund",
    "alipay.trade.fastpay.refund.query": "query_refund",
}
LINKS = ("alipay.trade.page.pay", "alipay.trade.wap.pay", "alipay.trade.app.pay")
DONE = {"code": "10000", "msg": "Success"}
UNAVAILABLE = {"code": "20000", "msg": "Service Currently Unavailable",
               "sub_code": "isp.unknow-error"}  # fmt: skip

Fields = dict[str, str]
Content = dict[str, Any]
#: The name of the inner object, and what is in it.
Answer = tuple[str, Content]


class GatewayDoors(Doors[Answer]):
    """Which call it is stands in the `method` field, of the query or the form."""

    def __init__(
        self, books: Books, app_id: str, app_key: rsa.RSAPublicKey, key: rsa.RSAPrivateKey
    ) -> None:
        super().__init__(books)
        self._app_id = app_id
        self._app_key = app_key
        self._key = key

    def routes(self) -> list[Route]:
        return [
            Route("/alipay/gateway.do", self.gateway, methods=["GET", "POST"]),
            Route("/alipay/scan/{token}", self.scan),
            Route("/alipay/login/{token}", self.login, methods=["GET", "POST"]),
        ]

    async def gateway(self, request: Request) -> Response:
        fields = _fields(request.url.query, await request.body())
        method = fields.get("method", "")
        if method in LINKS:
            return self._link(fields)
        operation = OPERATIONS.get(method, "query")
        name = method.replace(".", "_") + "_response"

        def work(raw: bytes | None) -> Answer:
            problem = self._problem(fields)
            if problem or method not in OPERATIONS:
                sub_code = problem or "isv.invalid-method"
                return name, {"code": "40002", "msg": "Invalid Arguments", "sub_code": sub_code}
            try:
                return name, DONE | self._done(method, _content(fields), fields)
            except trades.Failed as failed:
                sub_code = failed.sub_code
                return name, {"code": "40004", "msg": "Business Failed", "sub_code": sub_code}

        return await self.call(request, operation, work)

    async def scan(self, request: Request) -> Response:
        """The shopper's phone reads the code: the trade comes into being, the wallet opens."""
        return self._scanned(request, "qr", "/scan/")

    async def login(self, request: Request) -> Response:
        """Before the bank page: only who logs in makes a trade out of a link."""
        if request.method == "POST":
            return self._scanned(request, "redirect", "/bank/")
        row = payments.find_by_token(self.books, request.path_params["token"], "redirect")
        if row is None:
            return unknown_link()
        return page("Log in", render("login", **shown(row)), look="desk")

    def broken(self) -> Answer:
        return "", UNAVAILABLE

    def sealed(self, operation: str, answer: Answer) -> Response:
        name, inner = answer
        inner = dict(inner)
        if "out_trade_no" in inner and self.strikes("wrong_reference", operation):
            inner["out_trade_no"] = "SOMEBODYELSES"
        told = json.dumps(inner, separators=(",", ":"), ensure_ascii=False)
        # The keys belong to one merchant's app: an answer for another bears another signature.
        foreign = self.strikes("bad_signature", operation) or self.strikes(
            "wrong_merchant", operation
        )
        sign = signature(self._key, told.encode(), wrong=foreign)
        name = name or next(m for m, o in OPERATIONS.items() if o == operation).replace(
            ".", "_"
        ) + "_response"  # fmt: skip
        body = f'{{"{name}":{told},"sign":"{sign}"}}'
        if self.strikes("broken_answer", operation):
            body = body[: len(body) // 2]
        return Response(body.encode(), media_type="text/html;charset=utf-8")

    def _done(self, method: str, content: Content, fields: Fields) -> Content:
        if method == "alipay.trade.precreate":
            url = fields.get("notify_url", "")
            row = trades.open_trade(self.books, "qr", content, url, "")
            code = f"{self.books.public_url}/alipay/scan/{row['token']}"
            return {"out_trade_no": row["reference"], "qr_code": code}
        row = trades.find(self.books, content)
        if method == "alipay.trade.query":
            return self._queried(row)
        if method == "alipay.trade.close":
            return trades.close(self.books, row)
        if method == "alipay.trade.cancel":
            return trades.cancel(self.books, row)
        if method == "alipay.trade.refund":
            return trades.refund(self.books, row, content)
        if self.strikes("not_found", "query_refund"):
            return {}
        return trades.query_refund(self.books, row, content)

    def _queried(self, row: sqlite3.Row) -> Content:
        if self.strikes("not_found", "query"):
            raise trades.Failed("ACQ.TRADE_NOT_EXIST")
        if self.strikes("unknown", "query"):
            raise trades.Failed("ACQ.SYSTEM_ERROR")
        held = row["state"] == "paid" and self.strikes("hold_status", "query")
        return trades.describe(self.books, row, held=held)

    def _link(self, fields: Fields) -> Response:
        if self._problem(fields, by_shopper=True):
            return unknown_link()
        urls = fields.get("notify_url", ""), fields.get("return_url", "")
        try:
            with self.books.change():
                row = trades.open_trade(self.books, "redirect", _content(fields), *urls)
        except trades.Failed:
            return unknown_link()
        return RedirectResponse(f"/alipay/login/{row['token']}", 303)

    def _scanned(self, request: Request, method: str, then: str) -> Response:
        row = payments.find_by_token(self.books, request.path_params["token"], method)
        if row is None:
            return unknown_link()
        if row["state"] == "open":
            trades.scan(self.books, row)
        return RedirectResponse(then + row["token"], 303)

    def _problem(self, fields: Fields, *, by_shopper: bool = False) -> str:
        """Why a call is refused before anything is done, or nothing."""
        if fields.get("app_id") != self._app_id:
            return "isv.invalid-app-id"
        if not is_genuine(self._app_key, fields):
            return "isv.invalid-signature"
        dated = from_china_time(fields.get("timestamp"))
        now = time.time() + self.books.faults.figure("clock_skew")
        # A link waits until a shopper comes; a call does not.
        if dated is None or (not by_shopper and abs(dated - now) > TIMESTAMP_SECONDS):
            return "isv.invalid-timestamp"
        return ""


def _fields(query: str, body: bytes) -> Fields:
    """Query and form are one set of parameters."""
    pairs = parse_qsl(query, keep_blank_values=True)
    pairs += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return dict(pairs)


def _content(fields: Fields) -> Content:
    try:
        content = json.loads(fields.get("biz_content", ""))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise trades.Failed("ACQ.INVALID_PARAMETER")
    return content
