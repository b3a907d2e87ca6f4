"""Where a shopper pays: the checkout that a shop's page frames, and the page behind a link."""

from __future__ import annotations

import contextlib
import sqlite3
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulator import payments
from simulator.books import Books, Refusal
from simulator.html import Markup, join, page, render
from simulator.people import shop_origins, shown, standing, unknown_link
from simulator.razorpay import entities
from simulator.razorpay.account import Account

SAYINGS = {
    "authorized": "Thank you. The shop takes the money now.",
    "paid": "Paid. You can go back to the shop.",
    "declined": "Declined. Nothing was charged.",
    "closed": "This payment has run out or went back. Nothing was charged.",
}


class RazorpayPages:
    """An order's id or a link's token is the right to pay it."""

    def __init__(self, books: Books, account: Account) -> None:
        self._books = books
        self._account = account

    def routes(self) -> list[Route]:
        return [
            Route("/razorpay/checkout/{id}", self.checkout, methods=["GET", "POST"]),
            Route("/razorpay/l/{token}", self.link, methods=["GET", "POST"]),
        ]

    async def checkout(self, request: Request) -> Response:
        """Framed by the shop, whose page learns the result by itself."""
        row = entities.row_of(self._books, request.path_params["id"])
        if row is None or row["method"] != "checkout":
            return unknown_link()
        if request.method == "POST":
            await self._act(request, row)
            return RedirectResponse(request.url.path, 303)
        ancestors = " ".join(shop_origins(row)) if row["return_url"] else "'none'"
        policy = f"frame-ancestors {ancestors}; form-action 'self'"
        title = render("card_title", **shown(row))
        return page("Checkout", join([title, self._body(row)]), policy=policy, look="frame",
                    state=standing(row))  # fmt: skip

    async def link(self, request: Request) -> Response:
        """Razorpay's own page; after paying the browser goes to callback_url by GET."""
        row = payments.find_by_token(self._books, request.path_params["token"], "link")
        if row is None:
            return unknown_link()
        if request.method == "POST":
            await self._act(request, row)
            now = entities.row_of(self._books, row["id"]) or row
            paid = now["state"] == "paid"
            return RedirectResponse(self._way_back(now) if paid else request.url.path, 303)
        policy = f"frame-ancestors 'none'; form-action 'self' {' '.join(shop_origins(row))}"
        content = render("bank", **shown(row), body=self._body(row))
        return page("Payment link", content, policy=policy, look="desk", state=standing(row))

    async def _act(self, request: Request, row: sqlite3.Row) -> None:
        act = str((await request.form()).get("act"))
        # What cannot be done any more is shown by the page.
        with contextlib.suppress(Refusal):
            if act == "pay":
                payments.pay(self._books, row)
            elif act == "decline":
                payments.decline(self._books, row, "payment_failed", final=False)

    def _body(self, row: sqlite3.Row) -> Markup:
        if standing(row) == "open":
            return render("buttons", **shown(row), pay="Pay", extra=Markup())
        return render("said", said=SAYINGS[standing(row)], state=standing(row))

    def _way_back(self, row: sqlite3.Row) -> str:
        told = (row["id"], row["reference"], "paid", entities.payment_id(row))
        names = ("razorpay_payment_link_id", "razorpay_payment_link_reference_id",
                 "razorpay_payment_link_status", "razorpay_payment_id")  # fmt: skip
        query = dict(zip(names, told, strict=True))
        query["razorpay_signature"] = self._account.return_signature(*told)
        joined = "&" if "?" in row["return_url"] else "?"
        return f"{row['return_url']}{joined}{urlencode(query)}"
