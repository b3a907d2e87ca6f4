"""The card form that a shop embeds: charged at once, by test cards only."""

from __future__ import annotations

import sqlite3

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulator import payments
from simulator.books import Books, Refusal
from simulator.html import Markup, join, page, render
from simulator.people import SAYINGS, shop_origins, shown, standing, unknown_link

PAYS, ASKS_FIRST = "pays", "asks first"
# number -> (what it does, the decline's code, whether that decline is final)
TEST_CARDS = {
    "4242424242424242": (PAYS, "", False),
    "4000000000000002": ("declines; another card may pay", "card_declined", False),
    "4000000000009995": ("declines: no funds; try again", "insufficient_funds", False),
    "4000000000000069": ("declines for good", "stolen_card", True),
    "4000000000003220": (ASKS_FIRST, "", False),
}
DECLINES = {
    "card_declined": "The card was declined. Nothing was charged. You can try another card.",
    "insufficient_funds": "The card has no funds left. Nothing was charged. Try another card.",
    "challenge_failed": "You did not confirm. Nothing was charged. You can try again.",
    "not_a_test_card": "Only the test cards below work here. Never enter a real card number.",
}


class CardDoors:
    """`/card/<token>`; only the shop whose payment it is may frame it."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def routes(self) -> list[Route]:
        return [Route("/card/{token}", self.card, methods=["GET", "POST"])]

    async def card(self, request: Request) -> Response:
        row = payments.find_by_token(self._books, request.path_params["token"], "card")
        if row is None:
            return unknown_link()
        if request.method == "GET":
            return self._page(row, request.query_params.get("said", ""))
        form = await request.form()
        # The number stays in this function: it is compared and forgotten, never stored.
        number = "".join(filter(str.isdigit, str(form.get("number", ""))))
        said = self._act(row, str(form.get("act")), number)
        target = f"{request.url.path}?said={said}" if said in DECLINES else request.url.path
        return RedirectResponse(target, 303)

    def _act(self, row: sqlite3.Row, act: str, number: str) -> str:
        try:
            if self._is_challenged(row):
                return self._answer_challenge(row, act)
            return self._charge(row, number) if act == "charge" else ""
        except Refusal as refusal:
            return refusal.error

    def _charge(self, row: sqlite3.Row, number: str) -> str:
        if number not in TEST_CARDS:
            return "not_a_test_card"
        does, code, final = TEST_CARDS[number]
        if does == PAYS:
            payments.pay(self._books, row)
        elif does == ASKS_FIRST:
            payments.challenge(self._books, row)
        else:
            payments.decline(self._books, row, code, final=final)
        return code

    def _answer_challenge(self, row: sqlite3.Row, act: str) -> str:
        if act == "confirm":
            payments.pay(self._books, row)
            return ""
        if act == "refuse":
            payments.decline(self._books, row, "challenge_failed", final=False)
            return "challenge_failed"
        return ""

    def _is_challenged(self, row: sqlite3.Row) -> bool:
        return row["busy_until"] is not None and row["busy_until"] > self._books.now()

    def _page(self, row: sqlite3.Row, said: str) -> Response:
        state = standing(row)
        if state != "open":
            text = render("said", said=SAYINGS[state], state=state)
            content = join([render("card_title", **shown(row)), text, render("back", **shown(row))])
        elif self._is_challenged(row):
            state, content = "challenge", render("challenge", **shown(row))
        else:
            content = render("card", **shown(row), said=_said(said), cards=_cards())
        policy = f"frame-ancestors {' '.join(shop_origins(row))}; form-action 'self'"
        return page("Card payment", content, policy=policy, look="frame", state=state)


def _said(code: str) -> Markup:
    return render("said", said=DECLINES[code], state="declined") if code in DECLINES else Markup()


def _cards() -> Markup:
    return join(
        render("test_card", number=" ".join(number[i : i + 4] for i in range(0, 16, 4)), does=does)
        for number, (does, _, _) in TEST_CARDS.items()
    )
