"""Asking Stripe: its HTTP, its lists and its search, read strictly for one shop and one mode."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from payments.gateways import base
from payments.gateways import stripe_answers as answers
from payments.gateways import stripe_forms as forms
from payments.gateways.wire import Wire, parse_json, reading, text

# The version that the official library speaks, so that it can judge our simulator.
API_VERSION = "2026-10-28.endive"
FORM = "application/x-www-form-urlencoded"
REFERENCE = re.compile(r"[A-Za-z0-9_-]{6,40}", re.ASCII)
ROWS = 100
PAGES_MAX = 10_000
INTENTS = "/v1/payment_intents"
SESSIONS = "/v1/checkout/sessions"
# Paid before open before ended: a twin that is dead says nothing about the other.
TELLING = (base.State.CAPTURED, base.State.PENDING, base.State.CLOSED)


class Reader:
    """Every answer is of our mode, every object of our shop and of the reference asked for."""

    def __init__(self, wire: Wire, *, secret_key: str, public_key: str, shop: str) -> None:
        self._wire = wire
        self._secret_key = secret_key
        self._public_key = public_key
        self._shop = shop
        self.live = secret_key.split("_")[1] == "live"

    def ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, key: str = ""
    ) -> tuple[int, dict[str, Any], bool]:
        """Status, answer, and whether it is the answer of an earlier request with this key."""
        headers = {
            "Authorization": f"Bearer {self._secret_key}",
            "Stripe-Version": API_VERSION,
        } | ({"Idempotency-Key": key} if key else {})
        body = None
        if fields is not None:
            body, headers["Content-Type"] = forms.encoded(fields), FORM
        answer = self._wire.send(method, path, headers, body)
        replayed = answer.headers.get("idempotent-replayed", "") == "true"
        with reading():
            return answer.status, parse_json(answer.body), replayed

    def path(self, gateway_id: str) -> str:
        """Where the object of this id lives."""
        if gateway_id.startswith("cs_"):
            return f"{SESSIONS}/{answers.long_id(gateway_id, live=self.live)}"
        return f"{INTENTS}/{gateway_id}"

    def made(self, answer: tuple[int, dict[str, Any], bool], reference: str) -> base.Snapshot:
        """The object that a create answered with."""
        status, told, replayed = answer
        answers.accepted(status, told)
        with reading():
            if replayed:
                # That is how it was when it was made; how it is now is another question.
                is_session = told["object"] == "checkout.session"
                gateway_id = answers.short_id(told["id"]) if is_session else text(told["id"])
                return self.read(gateway_id, reference)
            return self._snapshot(told, reference)

    def read(self, gateway_id: str, reference: str) -> base.Snapshot:
        """One payment by Stripe's own id."""
        inner = "payment_intent." if gateway_id.startswith("cs_") else ""
        wanted = urlencode({"expand[]": f"{inner}latest_charge"})
        status, answer, _ = self.ask("GET", f"{self.path(gateway_id)}?{wanted}")
        if answers.is_missing(status, answer):
            raise base.Unknown("it does not know what it made")
        return self._snapshot(answers.accepted(status, answer), reference)

    def search(self, reference: str) -> base.Snapshot | None:
        """By metadata, which a hosted page's payment has from the shopper's first try on."""
        if not REFERENCE.fullmatch(reference):
            raise base.Unknown("not a reference of ours")
        wanted = {"query": f"metadata['reference']:'{reference}'", "limit": ROWS,
                  "expand[]": "data.latest_charge"}  # fmt: skip
        status, answer, _ = self.ask("GET", f"{INTENTS}/search?{urlencode(wanted)}")
        with reading():
            found = [
                self._snapshot(told, reference)
                for told in answers.accepted(status, answer)["data"]
                if answers.within(told, "metadata").get("shop") == self._shop
            ]
        if not found:
            return None
        captures = tuple(capture for snapshot in found for capture in snapshot.captures)
        refunds = tuple(fact for snapshot in found for fact in snapshot.refunds)
        first = min(found, key=lambda snapshot: TELLING.index(snapshot.state))
        return replace(first, captures=captures, refunds=refunds)

    def refunds(self, charge: str) -> list[dict[str, Any]]:
        """Everything that went back of one charge."""
        return list(self.all("/v1/refunds", {"charge": charge}))

    def all(self, path: str, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """A list to its end; Unknown where it has none."""
        after: dict[str, Any] = {}
        for _ in range(PAGES_MAX):
            query = forms.encoded({**wanted, "limit": ROWS, **after}).decode()
            status, answer, _replayed = self.ask("GET", f"{path}?{query}")
            with reading():
                rows = answers.accepted(status, answer)["data"]
                more = answer["has_more"]
                if more is not True and more is not False:
                    raise ValueError("a list without a word about its end")
                for row in rows:
                    self._check_mode(row)
                    yield row
                if not more:
                    return
                after = {"starting_after": text(rows[-1]["id"])}
        raise base.Unknown("a list without end")

    def reference_of(self, intent_id: str) -> str:
        """Our reference for a payment that something at Stripe names, or nothing."""
        status, answer, _ = self.ask("GET", f"{INTENTS}/{text(intent_id)}")
        with reading():
            words = answers.within(answers.accepted(status, answer), "metadata")
            return str(words["reference"]) if words.get("shop") == self._shop else ""

    def _snapshot(self, told: dict[str, Any], reference: str) -> base.Snapshot:
        with reading():
            self._check_mode(told)
            is_session = told["object"] == "checkout.session"
            intent = told["payment_intent"] if is_session else told
            charge = answers.charge_of(intent)
            refunds = self.refunds(charge) if charge else []
            if is_session:
                snapshot = answers.session(told, refunds)
            else:
                snapshot = answers.intent(told, refunds, self._public_key)
        if snapshot.reference != reference or snapshot.merchant != self._shop:
            raise base.Unknown("the answer is about another shop or reference")
        return snapshot

    def _check_mode(self, told: Mapping[str, Any]) -> None:
        # Balance lines are kept without a mode in some emulators; Stripe's own never are.
        if told["object"] != "refund" and told["livemode"] is not self.live:
            raise base.Unknown("the answer is of another mode")
