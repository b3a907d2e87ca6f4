"""Doors without a key, for programs on this machine: the ledger, the payments, the faults."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from simulator import notices, payments
from simulator.books import Books, Refusal, rfc3339
from simulator.faults import KNOBS, BadKnob

FORM = "application/x-www-form-urlencoded"
# After a decline of these the shopper may try once more.
REPEATABLE = {"card", "web", "checkout", "link"}

SECONDS_BEHIND_MAX = 366 * 24 * 3600


class PublicDoors:
    """Whoever reaches them is the shopper's phone and the drill's hand. Loopback only."""

    def __init__(self, books: Books, allow_reset: bool) -> None:
        self._books = books
        self._allow_reset = allow_reset

    def routes(self) -> list[Route]:
        routes = [
            Route("/ledger", self.ledger),
            Route("/payments", self.payments),
            Route("/payments/{reference}/{act:str}", self.act, methods=["POST"]),
            Route("/notifications", self.notifications),
            Route("/notifications/{id}/resend", self.resend, methods=["POST"]),
            Route("/faults", self.faults, methods=["GET"]),
            Route("/faults/struck", self.struck, methods=["GET"]),
            Route("/faults", self.set_faults, methods=["PUT", "POST"]),
            Route("/clock", self.set_clock, methods=["PUT"]),
        ]
        if self._allow_reset:
            routes.append(Route("/everything", self.forget, methods=["DELETE"]))
        return routes

    async def ledger(self, request: Request) -> Response:
        rows = self._rows(request, "SELECT * FROM movements WHERE returned_at IS NULL")
        return JSONResponse({"movements": [_movement(row) for row in rows]})

    async def payments(self, request: Request) -> Response:
        payments.pass_time(self._books)
        fields = ("gateway", "reference", "state", "amount_minor", "currency", "method",
                  "expires_at")  # fmt: skip
        rows = self._rows(request, "SELECT * FROM payments WHERE TRUE")
        shown = [{field: row[field] for field in fields} for row in rows]
        for row in shown:
            row["expires_at"] = rfc3339(row["expires_at"])
        return JSONResponse(shown)

    async def act(self, request: Request) -> Response:
        reference, act = request.path_params["reference"], request.path_params["act"]
        try:
            self._act(reference, act)
        except Refusal as refusal:
            if _is_form(request):
                return RedirectResponse(f"/?said={refusal.error}", 303)
            return JSONResponse({"error": refusal.error}, refusal.status)
        if _is_form(request):
            return RedirectResponse("/", 303)
        rows = payments.find(self._books, reference)
        return JSONResponse({"reference": reference, "state": rows[-1]["state"]})

    async def notifications(self, request: Request) -> Response:
        fields = ("id", "type", "reference", "tries", "last_answer")
        rows = self._books.all("SELECT * FROM notifications ORDER BY number")
        shown = [{f: row[f] for f in fields} | {"waiting": row["due_at"] is not None}
                 for row in rows]  # fmt: skip
        return JSONResponse(shown)

    async def resend(self, request: Request) -> Response:
        found = notices.send_again(self._books, request.path_params["id"])
        if _is_form(request):
            return RedirectResponse("/", 303)
        return JSONResponse({"sent": found}, 200 if found else 404)

    async def faults(self, request: Request) -> Response:
        return JSONResponse(self._books.faults.as_dict())

    async def struck(self, request: Request) -> Response:
        return JSONResponse(self._books.faults.struck())

    async def set_faults(self, request: Request) -> Response:
        try:
            if request.method == "POST":
                wanted = _from_form(dict(await request.form()))
            else:
                wanted = json.loads(await request.body())
            if not isinstance(wanted, dict):
                raise BadKnob("a JSON object of knobs is wanted")
            self._books.faults.replace(wanted)
        except BadKnob as problem:
            return JSONResponse({"error": str(problem)}, 400)
        except (ValueError, RecursionError):
            return JSONResponse({"error": "not JSON"}, 400)
        if request.method == "POST":
            return RedirectResponse("/#faults", 303)
        return JSONResponse(self._books.faults.as_dict())

    async def set_clock(self, request: Request) -> Response:
        """Put the bank's clock back, so that a demo can live through its past; 0 puts it right."""
        try:
            behind = json.loads(await request.body())["seconds_behind"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return JSONResponse({"error": "seconds_behind is wanted"}, 400)
        if type(behind) not in (int, float) or not 0 <= behind <= SECONDS_BEHIND_MAX:
            return JSONResponse({"error": "seconds_behind is 0 to a year"}, 400)
        self._books.seconds_behind = float(behind)
        return JSONResponse({"seconds_behind": behind})

    async def forget(self, request: Request) -> Response:
        self._books.forget_everything()
        return Response(status_code=204)

    def _rows(self, request: Request, question: str) -> list[sqlite3.Row]:
        """All rows, or those of the references that `?reference=` names, oldest first."""
        references = request.query_params.getlist("reference")
        if references:
            question += f" AND reference IN ({', '.join('?' * len(references))})"
        return self._books.all(question + " ORDER BY number", *references)

    def _act(self, reference: str, act: str) -> None:
        if act not in ("pay", "decline", "dispute"):
            raise Refusal(404, "not_found")
        rows = payments.find(self._books, reference)
        if not rows:
            raise Refusal(404, "not_found")
        # Under one reference there may be twins (ignore_key): the first open one is meant.
        row = next((row for row in rows if row["state"] == "open"), rows[-1])
        if act == "pay":
            payments.pay(self._books, row)
        elif act == "dispute":
            if row["state"] != "paid":
                raise Refusal(409, "not_paid")
            with self._books.change():
                notices.announce(self._books, "payment.disputed", row)
        else:
            payments.decline(self._books, row, "declined", final=row["method"] not in REPEATABLE)


def _movement(row: sqlite3.Row) -> dict[str, Any]:
    fields = ("gateway", "reference", "transaction_id", "kind", "amount_minor", "currency")
    return {f: row[f] for f in fields} | {"at": rfc3339(row["at"])}


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith(FORM)


def _from_form(form: dict[str, Any]) -> dict[str, Any]:
    """The switches page sends every field; an empty one means 0."""
    units = {knob.name: knob.unit for knob in KNOBS}
    wanted: dict[str, Any] = {}
    for name, value in form.items():
        text = str(value).strip()
        if text and units.get(name) == "operations":
            wanted[name] = text.replace(",", " ").split()
        elif text:
            wanted[name] = _number(name, text)
    return wanted


def _number(name: str, text: str) -> float:
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        raise BadKnob(f"{name[:60]} must be a number") from None
