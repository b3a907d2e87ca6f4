"""The bank's desk: every payment with its buttons, the ledger, the switches, the post."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import payments
from simulator.books import Books
from simulator.faults import KNOBS, Knob
from simulator.html import Markup, join, money, page, render

ROWS = 50
LINKS = {
    "qr": ("/scan/", "wallet"),
    "redirect": ("/bank/", "bank page"),
    "card": ("/card/", ""),
    "web": ("/unionpay/pay/", "bank page"),
    "link": ("/razorpay/l/", "payment page"),
}


class DeskDoors:
    """`/`: a person plays the shopper's phone here and decides what goes wrong."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def routes(self) -> list[Route]:
        return [Route("/", self.desk)]

    async def desk(self, request: Request) -> Response:
        payments.pass_time(self._books)
        faults = self._books.faults.as_dict()
        wrong = [name for name, value in faults.items() if value and name != "seed"]
        content = render(
            "desk",
            merchant=self._books.merchant,
            said=_said(request.query_params.get("said", "")),
            weather=render("weather", names=", ".join(wrong)) if wrong else Markup(),
            payments=self._rows("payments", _payment) or render("nothing", columns=6),
            movements=self._rows("movements", _movement) or render("nothing", columns=5),
            notifications=self._rows("notifications", _notification)
            or render("nothing", columns=5),
            knobs=join(_knob(knob, faults[knob.name]) for knob in KNOBS),
            open="open" if wrong else "",
        )
        return page("Simulated bank", content, look="desk")

    def _rows(self, table: str, show: Callable[[sqlite3.Row], Markup]) -> Markup:
        # `table` is one of the three names above.
        question = f"SELECT * FROM {table} ORDER BY number DESC LIMIT ?"  # noqa: S608  # nosec B608
        return join(show(row) for row in self._books.all(question, ROWS))


def _payment(row: sqlite3.Row) -> Markup:
    path, name = LINKS.get(row["method"], ("", ""))
    link = render("link", href=path + row["token"], name=name) if name else Markup()
    state = "being paid" if row["settles_at"] is not None else row["state"]
    # A card payment asks for a card; here it pays as if a good card had been used.
    buttons = render("acts", reference=row["reference"]) if state == "open" else Markup()
    return render(
        "payment",
        at=_clock(row["created_at"]),
        reference=row["reference"],
        subject=row["subject"],
        method=row["method"],
        amount=money(row["amount_minor"], row["currency"]),
        state=state,
        tone=state.replace(" ", "-"),
        link=link,
        buttons=buttons,
    )


def _movement(row: sqlite3.Row) -> Markup:
    sign = "+" if row["kind"] == "charge" else "\u2212"
    back = row["returned_at"] is not None
    return render(
        "movement",
        at=_clock(row["at"]),
        kind=f"{row['kind']}, came back" if back else row["kind"],
        reference=row["reference"],
        transaction=row["transaction_id"],
        amount=("" if back else sign) + money(row["amount_minor"], row["currency"]),
        fee=money(row["fee_minor"], row["currency"]),
    )


def _notification(row: sqlite3.Row) -> Markup:
    return render(
        "notification",
        at=_clock(row["created_at"]),
        id=row["id"],
        type=row["type"],
        reference=row["reference"],
        tries=row["tries"],
        answer=row["last_answer"] or "not sent yet",
        waiting=", trying again" if row["due_at"] is not None and row["tries"] else "",
    )


def _knob(knob: Knob, value: object) -> Markup:
    shown = " ".join(value) if isinstance(value, list) else value or ""
    units = {"chance": "0 to 1", "whole": "number", "operations": "create query close refund"}
    unit = units.get(knob.unit, knob.unit)
    return render("knob", name=knob.name, meaning=knob.meaning, unit=unit, value=shown)


def _said(code: str) -> Markup:
    if not code:
        return Markup()
    said = f"The bank refused that: {code.replace('_', ' ')[:60]}."
    return render("said", said=said, state="declined")


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %H:%M:%S")
