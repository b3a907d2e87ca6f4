"""`/wechat/v3/…`: every request signed by the merchant, every answer by the platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import serialization
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.books import Books
from simulator.doors import Doors, read
from simulator.wechat import bills, tales
from simulator.wechat.signing import MCHID, Platform, serial_of

PREFIX = "/wechat"
ORDERS, REFUNDS = f"{PREFIX}/v3/pay/transactions", f"{PREFIX}/v3/refund/domestic/refunds"

Content = dict[str, Any]
#: HTTP status, body (None: empty), and by which key the merchant wants it signed.
Answer = tuple[int, Content | None, str]
Work = Callable[[Content], tuple[int, Content | None]]


class MerchantDoors(Doors[Answer]):
    """One method per door; `_call` does what they share."""

    def __init__(self, books: Books, platform: Platform) -> None:
        super().__init__(books)
        self._platform = platform

    def routes(self) -> list[Route]:
        number = f"{ORDERS}/out-trade-no/{{number}}"
        return [
            Route(f"{ORDERS}/native", self.create, methods=["POST"]),
            Route(number, self.query),
            Route(f"{number}/close", self.close, methods=["POST"]),
            Route(REFUNDS, self.refund, methods=["POST"]),
            Route(f"{REFUNDS}/{{number}}", self.query_refund),
            Route(f"{PREFIX}/v3/bill/tradebill", self.statement),
            Route(f"{PREFIX}/v3/billdownload/file", self.file),
            Route(f"{PREFIX}/v3/certificates", self.certificates),
            Route(f"{PREFIX}/signs-with/{{name}}", self.rotate, methods=["PUT"]),
        ]

    async def create(self, request: Request) -> Response:
        def work(body: Content) -> tuple[int, Content | None]:
            row = tales.open_order(self.books, body)
            return 200, {"code_url": f"weixin://wxpay/bizpayurl?pr={row['token']}"}

        return await self._call(request, "create", work)

    async def query(self, request: Request) -> Response:
        def work(body: Content) -> tuple[int, Content | None]:
            if request.query_params.get("mchid") != MCHID:
                raise tales.Said(400, "PARAM_ERROR", "mchid")
            if self.strikes("not_found", "query"):
                raise tales.Said(404, "ORDER_NOT_EXIST")
            if self.strikes("unknown", "query"):
                raise tales.Said(500, "SYSTEM_ERROR")
            row = tales.find(self.books, request.path_params["number"])
            held = row["state"] == "paid" and self.strikes("hold_status", "query")
            return 200, tales.describe(self.books, row, held=held)

        return await self._call(request, "query", work)

    async def close(self, request: Request) -> Response:
        def work(body: Content) -> tuple[int, Content | None]:
            if body.get("mchid") != MCHID:
                raise tales.Said(400, "PARAM_ERROR", "mchid")
            tales.close(self.books, tales.find(self.books, request.path_params["number"]))
            return 204, None

        return await self._call(request, "close", work)

    async def refund(self, request: Request) -> Response:
        def work(body: Content) -> tuple[int, Content | None]:
            return 200, tales.refund(self.books, body)

        return await self._call(request, "refund", work)

    async def query_refund(self, request: Request) -> Response:
        def work(body: Content) -> tuple[int, Content | None]:
            if self.strikes("not_found", "query_refund"):
                raise tales.Said(404, "RESOURCE_NOT_EXISTS")
            return 200, tales.find_refund(self.books, request.path_params["number"])

        return await self._call(request, "query_refund", work)

    async def statement(self, request: Request) -> Response:
        def work(body: Content) -> tuple[int, Content | None]:
            asked = request.query_params
            day, kind = asked.get("bill_date", ""), asked.get("bill_type", "ALL")
            content = bills.bill(self.books, day, kind)
            token = f"{day}.{kind}.{asked.get('tar_type', '')}"
            url = f"{request.base_url}{PREFIX[1:]}/v3/billdownload/file?token={token}"
            return 200, bills.told_of(content, url)

        return await self._call(request, "statement", work)

    async def file(self, request: Request) -> Response:
        """Signed for by who asks; the file itself bears no signature."""
        if not self._knows(request, b""):
            return Response(status_code=401)
        day, kind, tar_type = request.query_params.get("token", "..").split(".")
        try:
            content = bills.bill(self.books, day, kind)
        except tales.Said as said:
            return Response(status_code=said.status)
        return Response(bills.packed(content, tar_type), media_type="text/plain")

    async def certificates(self, request: Request) -> Response:
        """Sealed under the merchant's APIv3 key; the shop's own housekeeping, without faults."""
        wanted = request.headers.get("wechatpay-serial", "")
        if not self._knows(request, await read(request) or b""):
            return self._bytes(401, b'{"code":"SIGN_ERROR","message":""}', wanted)
        data = []
        for certificate in self._platform.certificates():
            pem = certificate.public_bytes(serialization.Encoding.PEM)
            data.append({
                "serial_no": serial_of(certificate),
                "effective_time": certificate.not_valid_before_utc.isoformat(),
                "expire_time": certificate.not_valid_after_utc.isoformat(),
                "encrypt_certificate": self._platform.sealed(pem, "certificate"),
            })  # fmt: skip
        return self._bytes(200, json.dumps({"data": data}).encode(), wanted)

    async def rotate(self, request: Request) -> Response:
        """Not of the protocol: by which key the platform signs from now on."""
        name = request.path_params["name"]
        if name not in ("first", "second", "public"):
            return JSONResponse({"error": "first, second or public"}, 404)
        self._platform.sign_with(name)
        return JSONResponse({"signs_with": name})

    def broken(self) -> Answer:
        return 500, {"code": "SYSTEM_ERROR", "message": ""}, ""

    def sealed(self, operation: str, answer: Answer) -> Response:
        status, told, wanted = answer
        told = dict(told) if told else told
        changes = (("mchid", "wrong_merchant"), ("out_trade_no", "wrong_reference"),
                   ("out_refund_no", "wrong_reference"))  # fmt: skip
        for field, knob in changes:
            if told and field in told and self.strikes(knob, operation):
                told[field] = "SOMEBODYELSES"
        body = b"" if told is None else json.dumps(told, separators=(",", ":")).encode()
        if self.strikes("broken_answer", operation):
            body = body[: len(body) // 2] or b"{"
            status = 200 if status == 204 else status
        wrong = self.strikes("bad_signature", operation)
        return self._bytes(status, body, wanted, wrong=wrong)

    async def _call(self, request: Request, operation: str, work: Work) -> Response:
        raw = await request.body()
        wanted = request.headers.get("wechatpay-serial", "")

        def answered(body: bytes | None) -> Answer:
            if not self._knows(request, raw):
                return 401, {"code": "SIGN_ERROR", "message": ""}, wanted
            try:
                return *work(_parsed(body)), wanted
            except tales.Said as said:
                return said.status, {"code": said.code, "message": said.message}, wanted

        return await self.call(request, operation, answered)

    def _knows(self, request: Request, body: bytes) -> bool:
        path = request.url.path.removeprefix(PREFIX)
        path += f"?{request.url.query}" if request.url.query else ""
        header = request.headers.get("authorization", "")
        return self._platform.knows(header, request.method, path, body, skew=self._skew())

    def _bytes(self, status: int, body: bytes, wanted: str, *, wrong: bool = False) -> Response:
        headers = self._platform.headers(body, wanted, skew=self._skew(), wrong=wrong)
        return Response(body, status, headers, media_type="application/json" if body else None)

    def _skew(self) -> float:
        return self.books.faults.figure("clock_skew")


def _parsed(raw: bytes | None) -> Content:
    try:
        body = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise tales.Said(400, "PARAM_ERROR")
    return body
