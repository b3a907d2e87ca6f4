"""Pages for people: the bank's desk, the wallet on the phone, the bank's payment page."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from simulator import payments
from simulator.books import Books, Refusal
from simulator.html import Markup, join, money, page, render

STATIC = Path(__file__).parent / "static"
STATIC_FILES = ("bank.css", "card.js")
# What became of a payment, said to the shopper who looks at its page.
SAYINGS = {
    "authorized": "You have agreed. The shop takes the money next.",
    "paid": "Paid. You can go back to the shop.",
    "declined": "Declined. Nothing was charged.",
    "closed": "This payment was closed or has run out. Nothing can be charged any more.",
    "being_paid": "Your bank is working on it. The money is on its way.",
}


class PeopleDoors:
    """Everything works without scripts; a link's token is the right to use it."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def routes(self) -> list[Route]:
        return [
            Route("/scan/{token}", self.wallet, methods=["GET", "POST"]),
            Route("/bank/{token}", self.bank, methods=["GET", "POST"]),
            Route("/static/{name}", self.static),
            Route("/favicon.ico", self.no_icon),
        ]

    async def wallet(self, request: Request) -> Response:
        """The shopper's phone after scanning: pay or decline, and stay here."""
        if (row := self._find(request, "qr")) is None:
            return unknown_link()
        if request.method == "POST":
            self._act(row, str((await request.form()).get("act")))
            return RedirectResponse(request.url.path, 303)
        body = render("buttons", **shown(row), pay="Pay", extra=Markup())
        return page("Wallet", render("wallet", **shown(row), body=_body(row, body)), look="phone")

    async def bank(self, request: Request) -> Response:
        """The bank's page: pay, decline or go back without paying; then back to the shop."""
        if (row := self._find(request, "redirect")) is None:
            return unknown_link()
        if request.method == "POST":
            said = self._act(row, str((await request.form()).get("act")))
            return RedirectResponse(row["return_url"] if not said else request.url.path, 303)
        buttons = render("buttons", **shown(row), pay="Pay now", extra=render("cancel"))
        content = render("bank", **shown(row), body=_body(row, buttons))
        # After the form the browser is sent to the shop, which form-action must allow.
        origins = " ".join(shop_origins(row))
        policy = f"frame-ancestors 'none'; form-action 'self' {origins}"
        return page("Online banking", content, policy=policy, look="desk")

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC_FILES:
            return Response(status_code=404)
        return FileResponse(STATIC / name, headers={"X-Content-Type-Options": "nosniff"})

    async def no_icon(self, request: Request) -> Response:
        return Response(status_code=204)

    def _find(self, request: Request, method: str) -> sqlite3.Row | None:
        return payments.find_by_token(self._books, request.path_params["token"], method)

    def _act(self, row: sqlite3.Row, act: str) -> str:
        """Why it could not be done, or nothing."""
        try:
            if act == "pay":
                payments.pay(self._books, row)
            elif act == "decline":
                payments.decline(self._books, row, "declined", final=True)
        except Refusal as refusal:
            return refusal.error
        return ""


def shown(row: sqlite3.Row) -> dict[str, object]:
    """What every page of a payment shows."""
    until = datetime.fromtimestamp(row["expires_at"], UTC)
    return {
        "merchant": row["merchant"],
        "subject": row["subject"],
        "amount": money(row["amount_minor"], row["currency"]),
        "reference": row["reference"],
        "until": until.strftime("%H:%M:%S UTC"),
        "return_url": row["return_url"],
    }


def standing(row: sqlite3.Row) -> str:
    """The state as a shopper should understand it."""
    return "being_paid" if row["settles_at"] is not None else str(row["state"])


def shop_origins(row: sqlite3.Row) -> list[str]:
    """The shop's origin, and its twin: on this machine 127.0.0.1 and localhost are one shop."""
    origin = payments.return_origin(row)
    for one, other in (("://127.0.0.1:", "://localhost:"), ("://localhost:", "://127.0.0.1:")):
        if one in origin:
            return [origin, origin.replace(one, other)]
    return [origin]


def unknown_link() -> Response:
    """The same for a wrong token and for none."""
    return page("Unknown link", render("unknown"), look="phone", status=404)


def _body(row: sqlite3.Row, buttons: Markup) -> Markup:
    if standing(row) == "open":
        return buttons
    said = render("said", said=SAYINGS[standing(row)], state=standing(row))
    return join([said, render("back", **shown(row))])
