"""Stripe: a card form in the page, a hosted page, and the Boleto voucher, over its HTTP API.

Stripe knows our reference as metadata only. A create whose answer was lost is found by sending
the same body under the same key, which Stripe remembers for a day; afterwards by its search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways import stripe_answers as answers
from payments.gateways import stripe_events as events
from payments.gateways import stripe_forms as forms
from payments.gateways.stripe_reader import INTENTS, SESSIONS, Reader
from payments.gateways.wire import Wire, reading, text

KEYS = re.compile(r"(?:sk|rk)_(test|live)_[A-Za-z0-9_]{8,}", re.ASCII)
# A key may be forgotten once it is 24 hours old (API reference, idempotent requests).
KEY_LIFETIME = timedelta(hours=23)
# The search may lag an hour behind in an outage (API reference, search).
SEARCH_DELAY = timedelta(hours=1)
# How long after its end money may surprise us. A voucher paid in its last minute is confirmed a
# business day later: with a long weekend five days.
LATE = {
    "card": timedelta(days=1),
    "redirect": timedelta(days=1),
    "boleto": timedelta(days=5),
}
VOUCHER_MINOR = (500, 4_999_999)
MOVED = ("pending", "requires_action", "succeeded")
MAKE = {
    "card": (INTENTS, forms.intent),
    "redirect": (SESSIONS, forms.session),
    "boleto": (INTENTS, forms.voucher),
}


class StripeGateway:
    """Its settings are plain keywords; `shop` tells our objects from others on the account."""

    name = "stripe"
    # Any 2xx will do.
    acknowledgement = base.Acknowledgement()

    def __init__(
        self,
        *,
        secret_key: str,
        public_key: str,
        webhook_secrets: Sequence[str],
        shop: str = "payonce",
        base_url: str = "https://api.stripe.com",
        frame_origins: Sequence[str] = ("https://js.stripe.com",),
        frame_url: str = "",
        card_minutes: int = 30,
        redirect_minutes: int = 40,
        boleto_days: int = 3,
        connect_seconds: float = 2.0,
        read_seconds: float = 15.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        mode = KEYS.fullmatch(secret_key)
        if mode is None or not public_key.startswith(f"pk_{mode[1]}_"):
            raise ValueError("the stripe gateway needs a secret and a public key of one mode")
        if not (shop and webhook_secrets and all(webhook_secrets)):
            raise ValueError("the stripe gateway needs its shop's name and webhook secrets")
        if redirect_minutes <= forms.HOSTED_MINUTES_MIN or boleto_days < 1:
            raise ValueError("a hosted page lives longer than 30 minutes, a voucher for a day")
        wire = Wire(base_url, connect_seconds=connect_seconds, read_seconds=read_seconds)
        self._reader = Reader(wire, secret_key=secret_key, public_key=public_key, shop=shop)
        self._webhook_secrets = tuple(webhook_secrets)
        self._shop = shop
        self._frame = (tuple(frame_origins), frame_url)
        self._lifetimes = {
            "card": timedelta(minutes=card_minutes),
            "redirect": timedelta(minutes=redirect_minutes),
            # Days end at 23:59 in São Paulo, so the last one is not a whole one.
            "boleto": timedelta(days=boleto_days + 1),
        }
        self._clock = clock

    def methods(self) -> Sequence[base.Capabilities]:
        # While the key lives "not found" means that the same request is refused now; later, that
        # the search has it not. A hosted page must end half an hour or more after it is made.
        final = KEY_LIFETIME + SEARCH_DELAY
        origins, url = self._frame
        return [
            base.Capabilities(
                "card", "Card", ("embedded",), lifetime=self._lifetimes["card"],
                not_found_final_after=final, late_window=LATE["card"],
                frame_origins=origins, frame_url=url,
            ),
            base.Capabilities(
                "redirect", "Card (hosted page)", ("redirect",),
                lifetime=self._lifetimes["redirect"],
                not_found_final_after=self._lifetimes["redirect"] + SEARCH_DELAY,
                late_window=LATE["redirect"],
            ),
            base.Capabilities(
                "boleto", "Boleto", ("voucher",), currencies=frozenset({"BRL"}),
                amount_minor_min=VOUCHER_MINOR[0], amount_minor_max=VOUCHER_MINOR[1],
                refundable=False, needs=("tax_id", "name"), lifetime=self._lifetimes["boleto"],
                not_found_final_after=final, late_window=LATE["boleto"],
                # Banks tell overnight: minutes help nobody.
                poll_after_seconds=(10, 60, 600, 3600),
            ),
        ]  # fmt: skip

    def create(self, request: base.CreateRequest) -> base.Snapshot:
        if self._is_forgotten(request.created_at):
            # The same key would open a second payment now.
            found = self._reader.search(request.reference)
            if found is None:
                raise base.Unknown("too old to be sent again")
            return found
        return self._open(request)

    def query(self, payment: base.PaymentRef) -> base.Snapshot:
        found = self._find(payment)
        if found is not None:
            return found
        return base.Snapshot(base.State.NOT_FOUND, reference=payment.reference, merchant=self._shop)

    def close(self, payment: base.PaymentRef) -> base.CloseResult:
        gateway_id = payment.gateway_id
        if not gateway_id:
            found = self._find(payment)
            if found is None:
                return base.CloseResult(base.CloseAnswer.NOT_FOUND)
            if found.state is base.State.CAPTURED:
                return self._closed(payment, found, "paid")
            gateway_id = found.gateway_id
        path = self._reader.path(gateway_id)
        # A hosted page's PaymentIntent cannot be canceled: its session is ended instead.
        path += "/expire" if gateway_id.startswith("cs_") else "/cancel"
        status, answer, _ = self._reader.ask("POST", path, {})
        code = answers.error_of(answer)[0]
        if status != 400:
            answers.accepted(status, answer)
        # 400 is payment_intent_unexpected_state and its like: whatever it was, look again.
        return self._closed(payment, self._reader.read(gateway_id, payment.reference), code)

    def capture(self, payment: base.PaymentRef, key: str) -> base.Snapshot:
        raise base.Refused("nothing here waits for a capture")

    def refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        if request.payment.method == "boleto":
            raise base.Refused("boleto_not_refundable")
        charge = self._charge(request.payment)
        if self._is_forgotten(request.created_at):
            # The same key would send the money a second time.
            found = self._find_refund(request, charge)
            if found is not None:
                return found
        body = forms.refund(request, charge, self._shop)
        status, answer, replayed = self._reader.ask(
            "POST", "/v1/refunds", body, key=request.reference
        )
        answers.accepted(status, answer)
        with reading():
            if replayed:
                # What it said then; where it stands now is another question.
                path = f"/v1/refunds/{text(answer['id'])}"
                status, answer, _ = self._reader.ask("GET", path)
            return self._refund_snapshot(answers.accepted(status, answer), request, charge)

    def query_refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        found = self._find_refund(request, self._charge(request.payment))
        return found or base.RefundSnapshot(base.RefundState.NOT_FOUND)

    def parse_notification(self, request: base.RawRequest) -> Sequence[base.NotificationHint]:
        if len(request.body) > events.BODY_BYTES_MAX:
            raise base.NotificationRefused(400, "too large")
        header = request.headers.get(events.HEADER, "")
        # Before parsing: an unsigned body never reaches our JSON decoder.
        events.verify(header, request.body, self._webhook_secrets, self._clock())
        try:
            return events.hints(request.body, shop=self._shop, live=self._reader.live)
        except (KeyError, TypeError, ValueError) as problem:
            raise base.NotificationRefused(400, "malformed") from problem

    def statement(self, day: date) -> Sequence[base.StatementRow]:
        begins = int(datetime.combine(day, time(), UTC).timestamp())
        asked = {"created": {"gte": begins, "lt": begins + 24 * 3600}, "expand": ["data.source"]}
        with reading():
            lines = [*self._reader.all("/v1/balance_transactions", asked)]
            return [row for line in lines if (row := self._movement(line)) is not None]

    def _open(self, request: base.CreateRequest) -> base.Snapshot:
        path, form = MAKE[request.method]
        body = form(request, self._shop)
        answer = self._reader.ask("POST", path, body, key=request.reference)
        return self._reader.made(answer, request.reference)

    def _find(self, payment: base.PaymentRef) -> base.Snapshot | None:
        if payment.gateway_id:
            return self._reader.read(payment.gateway_id, payment.reference)
        if payment.request is None or self._is_forgotten(payment.request.created_at):
            return self._reader.search(payment.reference)
        try:
            return self._open(payment.request)
        except base.Refused:
            # Had it been done before, its answer would have been repeated instead.
            return None

    def _closed(self, payment: base.PaymentRef, seen: base.Snapshot, code: str) -> base.CloseResult:
        if seen.state is base.State.CAPTURED:
            return base.CloseResult(base.CloseAnswer.ALREADY_PAID, snapshot=seen)
        if seen.state is base.State.CLOSED:
            return base.CloseResult(base.CloseAnswer.CLOSED, snapshot=seen)
        if seen.note == answers.PROCESSING:
            dead_after = self._clock() + LATE[payment.method]
            return base.CloseResult(base.CloseAnswer.NOT_CLOSABLE, dead_after, seen)
        raise base.Unknown(f"not closed: {code}")

    def _charge(self, payment: base.PaymentRef) -> str:
        if payment.transaction_id:
            return payment.transaction_id
        found = self._find(payment)
        if found is None or not found.captures:
            raise base.Unknown("nothing was captured yet")
        return found.captures[0].transaction_id

    def _find_refund(self, request: base.RefundRequest, charge: str) -> base.RefundSnapshot | None:
        with reading():
            found = [
                told
                for told in self._reader.refunds(charge)
                if answers.refund_reference(told) == request.reference
            ]
            if len(found) > 1:
                raise base.Unknown("several refunds under one reference")
            return self._refund_snapshot(found[0], request, charge) if found else None

    def _refund_snapshot(
        self, told: dict[str, Any], request: base.RefundRequest, charge: str
    ) -> base.RefundSnapshot:
        with reading():
            if answers.refund_reference(told) != request.reference or told["charge"] != charge:
                raise base.Unknown("the answer is about another refund")
            return answers.refund(told)

    def _movement(self, line: dict[str, Any]) -> base.StatementRow | None:
        source = answers.within(line, "source")
        words = answers.within(source, "metadata")
        if line["type"] in ("charge", "payment"):
            ours = words.get("shop") == self._shop
            return answers.movement(line, source, words["reference"]) if ours else None
        # One that failed came back: a line of its own, and no movement after all.
        if line["type"] not in ("refund", "payment_refund") or source["status"] not in MOVED:
            return None
        reference = words.get("payment_reference") if words.get("shop") == self._shop else ""
        # Made at Stripe's desk, it says no word of ours: its payment does.
        reference = reference or self._reader.reference_of(source["payment_intent"])
        return answers.movement(line, source, reference) if reference else None

    def _is_forgotten(self, created_at: datetime) -> bool:
        return self._clock() - created_at > KEY_LIFETIME
