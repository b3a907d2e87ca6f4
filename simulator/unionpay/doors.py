"""UnionPay's doors: backTransReq.do, queryTrans.do, the statement, and the shopper's front door."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from simulator import payments, refunds
from simulator.books import Books, Refusal
from simulator.doors import Doors
from simulator.html import Markup, join, page, render
from simulator.people import SAYINGS, shop_origins, shown, standing, unknown_link
from simulator.unionpay import statement, tales, wishes
from simulator.unionpay.authority import MERCHANT, Authority, digest
from simulator.unionpay.wishes import No

GATEWAY = "unionpay"
API = "/unionpay/gateway/api"
#: Where a shop's page posts its form to: another site's form is welcome here.
FRONT = f"{API}/frontTransReq.do"
# What a refund that the books refuse is answered.
REFUSALS = {"unknown_transaction": "35", "over_refund": "36", "not_accepted": "38"}

Answer = dict[str, str] | Response
Work = Callable[[dict[str, str]], Answer]


class UnionpayDoors(Doors[Answer]):
    """Every question and every answer is signed; an answer repeats whom it answers."""

    def __init__(self, books: Books, authority: Authority) -> None:
        super().__init__(books)
        self._authority = authority

    def routes(self) -> list[Route]:
        return [
            Route(FRONT, self.front, methods=["POST"]),
            Route(f"{API}/backTransReq.do", self.back, methods=["POST"]),
            Route(f"{API}/queryTrans.do", self.query, methods=["POST"]),
            Route("/unionpay/files/", self.file, methods=["POST"]),
            Route("/unionpay/pay/{token}", self.pay, methods=["GET", "POST"]),
        ]

    async def front(self, request: Request) -> Response:
        """The shopper's browser brings the merchant's form: to the page where one pays."""

        def work(fields: dict[str, str]) -> Answer:
            row = self._open(fields, front=True)
            return RedirectResponse(f"/unionpay/pay/{row['token']}", 303)

        return await self._call(request, "create", work, refuse=_page_of_refusal)

    async def back(self, request: Request) -> Response:
        def create(fields: dict[str, str]) -> Answer:
            row = self._open(fields, front=False)
            code = f"{self.books.public_url}/scan/{row['token']}"
            return tales.answer(fields, "00") | {"qrCode": code}

        kind = dict(_peeked(await request.body())).get("txnType")
        if kind == "04":
            return await self._call(request, "refund", self._refund)
        return await self._call(request, "create", create)

    async def query(self, request: Request) -> Response:
        asked = dict(_peeked(await request.body())).get("orderId", "")
        if refunds.find(self.books, asked) is None:
            return await self._call(request, "query", self._query)
        return await self._call(request, "query_refund", self._query_refund)

    async def file(self, request: Request) -> Response:
        def work(fields: dict[str, str]) -> Answer:
            content = statement.content(self.books, MERCHANT, wishes.need(fields, "settleDate"))
            return tales.answer(fields, "00") | {"fileContent": content}

        return await self._call(request, "statement", work)

    async def pay(self, request: Request) -> Response:
        """The bank card page: pay, fail, or go back; the browser then posts to frontUrl."""
        row = payments.find_by_token(self.books, request.path_params["token"], "web")
        if row is None:
            return unknown_link()
        if request.method == "POST":
            act = str((await request.form()).get("act"))
            try:
                if act == "pay":
                    payments.pay(self.books, row)
                elif act == "decline":
                    payments.decline(self.books, row, "64", final=False)
            except Refusal:
                pass  # the page says how it stands
            return RedirectResponse(request.url.path, 303)
        return self._page(row)

    async def _call(
        self,
        request: Request,
        operation: str,
        work: Work,
        refuse: Callable[[dict[str, str], str], Answer] = tales.answer,
    ) -> Response:
        def answered(raw: bytes | None) -> Answer:
            fields: dict[str, str] = {}
            try:
                fields = wishes.parsed(raw)
                if not self._authority.is_the_merchants(fields):
                    raise No("11")
                if fields.get("merId") != MERCHANT:
                    raise No("31")
                return work(fields)
            except No as no:
                return refuse(fields, no.code)

        return await self.call(request, operation, answered)

    def broken(self) -> Answer:
        return Response(status_code=500)

    def sealed(self, operation: str, answer: Answer) -> Response:
        if isinstance(answer, Response):
            return answer
        if self.strikes("wrong_merchant", operation):
            answer["merId"] = "777000000000009"
        if self.strikes("wrong_reference", operation):
            answer["orderId"] = "SOMEBODYELSES"
        forged = self.strikes("bad_signature", operation)
        signer = self._authority.forger() if forged else self._authority.signer
        # Neither percent signs nor quotes: the values stand there as they are.
        body = "&".join(f"{k}={v}" for k, v in signer.signed(answer).items()).encode()
        if self.strikes("broken_answer", operation):
            body = body[: len(body) // 2]
        return HTMLResponse(body, headers={"Cache-Control": "no-store"})

    def _open(self, fields: dict[str, str], *, front: bool) -> sqlite3.Row:
        if wishes.need(fields, "txnType") != "01":
            raise No("32")
        wanted = wishes.payment(fields, front=front)
        mark = digest(fields).decode()
        known = payments.find(self.books, wanted["reference"])
        if known:
            # The same form again (a browser's reload) shows the same page while it is unpaid.
            if front and known[0]["fingerprint"] == mark and known[0]["state"] == "open":
                return known[0]
            raise No("12")
        if wanted["expires_at"] <= self.books.now():
            raise No("39")
        if self.strikes("refuse_create", "create"):
            raise No("01")
        row = payments.insert(self.books, GATEWAY, **wanted, merchant=MERCHANT, fingerprint=mark,
                              idempotency_key=f"{GATEWAY} {wanted['reference']}")  # fmt: skip
        if self.strikes("decline_create", "create"):
            payments.decline(self.books, row, "60", final=True)
        return row

    def _query(self, fields: dict[str, str]) -> Answer:
        if self.strikes("unknown", "query"):
            return tales.answer(fields, "05")
        rows = payments.find(self.books, wishes.need(fields, "orderId"))
        row = next((row for row in rows if _is_of(row, fields)), None)
        if row is None or self.strikes("not_found", "query"):
            raise No("34")
        told = tales.of_payment(self.books, row)
        if row["state"] == "paid" and self.strikes("hold_status", "query"):
            told = json.loads(row["facts"]) | {"origRespCode": "05", "origRespMsg": "…"}
        return told | _answered("00")

    def _query_refund(self, fields: dict[str, str]) -> Answer:
        refunds.pass_time(self.books)
        row = refunds.find(self.books, fields["orderId"])
        if row is None or not _is_of(row, fields) or self.strikes("not_found", "query_refund"):
            raise No("34")
        return tales.of_refund(row) | _answered("00")

    def _refund(self, fields: dict[str, str]) -> Answer:
        reference = wishes.need(fields, "orderId", wishes.ORDER)
        if refunds.find(self.books, reference) is not None:
            raise No("12")
        original = wishes.need(fields, "origQryId")
        taken = self.books.one("SELECT * FROM captures WHERE transaction_id = ?", original)
        wanted = {
            "reference": reference,
            "payment_reference": taken["reference"] if taken else "",
            "transaction_id": original,
            "amount_minor": int(wishes.need(fields, "txnAmt", wishes.AMOUNT)),
            "currency": taken["currency"] if taken else "CNY",
            "reason": "",
            "facts": wishes.facts(fields),
        }
        wishes.moment(wishes.need(fields, "txnTime", wishes.MOMENT))
        wishes.need(fields, "backUrl", wishes.ADDRESS)
        try:
            _, row = refunds.open_refund(self.books, GATEWAY, digest(fields).decode(), **wanted)
        except Refusal as refusal:
            raise No(REFUSALS[refusal.error]) from refusal
        # Accepted, and no more than that: how it ends is told later, or asked for.
        return tales.answer(fields, "00") | {"queryId": row["id"], "origQryId": original}

    def _page(self, row: sqlite3.Row) -> Response:
        back = self._way_back(row)
        if standing(row) == "open":
            buttons = render("buttons", **shown(row), pay="Pay now", extra=Markup())
            body = join([buttons, back])
        else:
            state = standing(row)
            body = join([render("said", said=SAYINGS[state], state=state), back])
        content = render("bank", **shown(row), body=body)
        origins = " ".join(shop_origins(row))
        policy = f"frame-ancestors 'none'; form-action 'self' {origins}"
        return page("UnionPay", content, policy=policy, look="desk", state=standing(row))

    def _way_back(self, row: sqlite3.Row) -> Markup:
        """A form, because UnionPay returns the browser by POST, with a signed result."""
        told = tales.notification(tales.of_payment(self.books, row))
        fields = self._authority.signer.signed(told) if row["state"] == "paid" else {}
        hidden = join(render("hidden", name=name, value=value) for name, value in fields.items())
        return render("post_back", return_url=row["return_url"], fields=hidden)


def _answered(code: str) -> dict[str, str]:
    return {"respCode": code, "respMsg": tales.SAYINGS[code]}


def _is_of(row: sqlite3.Row, fields: Mapping[str, str]) -> bool:
    """orderId alone names nothing: txnTime belongs to it."""
    if "gateway" in row.keys() and row["gateway"] != GATEWAY:  # noqa: SIM118 - a row, no dict
        return False
    return bool(json.loads(row["facts"]).get("txnTime") == fields.get("txnTime"))


def _peeked(raw: bytes) -> dict[str, str]:
    try:
        return wishes.parsed(raw)
    except No:
        return {}


def _page_of_refusal(fields: dict[str, str], code: str) -> Answer:
    said = render("said", said=f"UnionPay does not take this payment: {code}.", state="declined")
    return page("UnionPay", said, look="desk", status=400)


def posted(fields: Mapping[str, str]) -> bytes:
    """A notification's form; here percent signs belong."""
    return urlencode(fields).encode()
