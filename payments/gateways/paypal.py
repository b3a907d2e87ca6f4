"""PayPal Orders v2: the shopper agrees at PayPal, and money moves only when we capture.

PayPal looks nothing up by a reference of ours: its order's id is kept, a lost create is found by
the same request under the same key, and later by its report of transactions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from payments.gateways import base
from payments.gateways import paypal_answers as answers
from payments.gateways import paypal_events as events
from payments.gateways.paypal_client import Client
from payments.gateways.paypal_reader import (
    CAPTURABLE_FOR,
    CAPTURES,
    CHECKOUTS,
    REPORT_DELAY,
    Reader,
    named,
)
from payments.gateways.wire import Wire, reading

# PayPal's own pattern of a language.
LOCALE = re.compile(r"[a-z]{2}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", re.ASCII)
# How long PayPal keeps a key (its library's words): 6 hours for an order, 45 days for a refund.
CREATE_KEY_LIFETIME = timedelta(hours=5, minutes=30)
REFUND_KEY_LIFETIME = timedelta(days=44)
# A capture that waits for a bank (an eCheck) is decided within some business days.
CAPTURE_PENDING = timedelta(days=10)
# A delivery waits for it, and is repeated anyway.
CERTIFICATE_SECONDS = 2.0
# Refusals of a capture that took nothing: the shopper has to agree (again) first.
NOTHING_TAKEN = frozenset(
    {"ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED", "INSTRUMENT_DECLINED", "TRANSACTION_REFUSED",
     "PAYER_CANNOT_PAY"}
)  # fmt: skip


class PayPalGateway:
    """Its settings are plain keywords; `certificate_hosts` maps each listed host to its address."""

    name = "paypal"
    # Any 2xx will do.
    acknowledgement = base.Acknowledgement()

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        merchant_id: str,
        webhook_id: str,
        trust_anchor_file: str,
        certificate_name: str = "messageverificationcerts.paypal.com",
        certificate_hosts: Mapping[str, str] | None = None,
        base_url: str = "https://api-m.paypal.com",
        minutes: int = 60,
        connect_seconds: float = 2.0,
        read_seconds: float = 15.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not (client_id and client_secret and merchant_id and webhook_id):
            raise ValueError("the paypal gateway needs its client, merchant and webhook")
        if not certificate_name or not trust_anchor_file:
            raise ValueError("the paypal gateway needs to know whose certificates it believes")

        def wire(address: str) -> Wire:
            return Wire(address, connect_seconds=connect_seconds, read_seconds=read_seconds)

        hosts = certificate_hosts or {"api.paypal.com": "https://api.paypal.com"}
        self._client = Client(
            wire(base_url), client_id=client_id, client_secret=client_secret, clock=clock
        )
        self._reader = Reader(self._client, merchant_id, clock)
        self._certificates = events.Certificates(
            hosts={
                host: Wire(
                    address, connect_seconds=CERTIFICATE_SECONDS, read_seconds=CERTIFICATE_SECONDS
                )
                for host, address in hosts.items()
            },
            anchors=Path(trust_anchor_file).read_bytes(),
            name=certificate_name,
            clock=clock,
        )
        self._merchant_id = merchant_id
        self._webhook_id = webhook_id
        self._lifetime = timedelta(minutes=minutes)
        self._clock = clock

    def methods(self) -> Sequence[base.Capabilities]:
        return [
            base.Capabilities(
                method="redirect",
                title="PayPal",
                presentations=("redirect",),
                currencies=answers.CURRENCIES,
                merchant_captures=True,
                lifetime=self._lifetime,
                # Until then the report may lack a capture of ours that nobody remembers.
                not_found_final_after=CAPTURABLE_FOR + REPORT_DELAY,
                late_window=CAPTURE_PENDING,
            )
        ]

    def create(self, request: base.CreateRequest) -> base.Snapshot:
        if self._clock() - request.created_at > CREATE_KEY_LIFETIME:
            # The same key would open a second order now.
            raise base.Unknown("too old to be sent again")
        body = self._body_of(request)
        status, answer = self._client.ask("POST", CHECKOUTS, body, key=request.reference)
        return self._reader.snapshot(answers.accepted(status, answer), request.reference)

    def query(self, payment: base.PaymentRef) -> base.Snapshot:
        return self._find(payment) or base.Snapshot(
            base.State.NOT_FOUND, reference=payment.reference, merchant=self._merchant_id
        )

    def close(self, payment: base.PaymentRef) -> base.CloseResult:
        if not payment.capture_sent:
            # Consent alone moves nothing: what we never capture can never be paid.
            return base.CloseResult(base.CloseAnswer.CLOSED)
        seen = self._find(payment)
        if seen is None:
            raise base.Unknown("a capture was sent, and its order is not to be found")
        if seen.state is base.State.CAPTURED:
            return base.CloseResult(base.CloseAnswer.ALREADY_PAID, snapshot=seen)
        if seen.state in (base.State.CLOSED, base.State.DECLINED):
            return base.CloseResult(base.CloseAnswer.CLOSED, snapshot=seen)
        dead_after = max(payment.created_at, self._clock()) + CAPTURABLE_FOR
        if seen.note == answers.CAPTURE_PENDING:
            dead_after = self._clock() + CAPTURE_PENDING
        return base.CloseResult(base.CloseAnswer.NOT_CLOSABLE, dead_after, seen)

    def capture(self, payment: base.PaymentRef, key: str) -> base.Snapshot:
        checkout_id = self._checkout_id(payment)
        status, answer = self._client.ask("POST", f"{CHECKOUTS}/{checkout_id}/capture", {}, key=key)
        issue = answers.issue_of(answer) if status >= 300 else ""
        if status >= 300 and status != 422:
            raise base.Unknown(f"HTTP {status} {issue}")
        # What a capture answers has not all words of ours; ORDER_ALREADY_CAPTURED is no failure.
        seen = self._reader.checkout(checkout_id, payment.reference)
        if seen is None:
            raise base.Unknown("its order is not to be found")
        if seen.state not in (base.State.AUTHORIZED, base.State.PENDING):
            return seen
        if issue in NOTHING_TAKEN and seen.note != answers.CAPTURE_PENDING:
            with reading():
                again = seen.presentation or answers.approval(answer)
            return replace(seen, state=base.State.PENDING, note=issue, presentation=again)
        # Perhaps it was taken, perhaps it waits for a bank: only a later look can tell.
        raise base.Unknown(issue or seen.note or "captured, and not shown yet")

    def refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        if self._clock() - request.created_at > REFUND_KEY_LIFETIME:
            # The same key would send the money a second time.
            found = self.query_refund(request)
            if found.state is not base.RefundState.NOT_FOUND:
                return found
        body = {
            "amount": answers.to_money(request.amount_minor, request.currency),
            "invoice_id": request.payment.reference,
            "custom_id": request.reference,
        } | ({"note_to_payer": request.reason[:255]} if request.reason else {})
        path = f"{CAPTURES}/{self._capture_id(request.payment)}/refund"
        status, answer = self._client.ask("POST", path, body, key=request.reference)
        answers.accepted(status, answer)
        with reading():
            if answers.refund_reference(answer) != request.reference:
                raise base.Unknown("the answer is about another refund")
            return answers.refund(answer)

    def query_refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        """By its order, which lists them: PayPal's own id of it was perhaps never heard."""
        seen = self._find(request.payment)
        if seen is None or not seen.captures:
            raise base.Unknown("its order shows no capture")
        found = [fact for fact in seen.refunds if fact.reference == request.reference]
        if len(found) > 1:
            raise base.Unknown("several refunds under one reference")
        if not found:
            return base.RefundSnapshot(base.RefundState.NOT_FOUND)
        currency = seen.captures[0].currency
        return base.RefundSnapshot(
            found[0].state, amount_minor=found[0].amount_minor, currency=currency
        )

    def parse_notification(self, request: base.RawRequest) -> Sequence[base.NotificationHint]:
        if len(request.body) > events.BODY_BYTES_MAX:
            raise base.NotificationRefused(400, "too large")
        # Before parsing: an unsigned body never reaches our JSON decoder.
        events.verify(request, self._webhook_id, self._certificates, self._clock())
        try:
            return events.hints(request.body)
        except (KeyError, TypeError, ValueError, IndexError) as problem:
            raise base.NotificationRefused(400, "malformed") from problem

    def statement(self, day: date) -> Sequence[base.StatementRow]:
        begins = datetime.combine(day, time(), UTC)
        rows, known_until = self._reader.report(begins, begins + timedelta(days=1))
        if known_until < begins + timedelta(days=1) <= self._clock():
            raise base.Unknown("the report of that day is not complete yet")
        with reading():
            return [row for told in rows if (row := self._reader.movement(told)) is not None]

    def _body_of(self, request: base.CreateRequest) -> dict[str, Any]:
        context = {
            "return_url": request.return_url,
            "cancel_url": request.return_url,
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
        }
        if LOCALE.fullmatch(request.locale):
            context["locale"] = request.locale
        unit = {
            "amount": answers.to_money(request.amount_minor, request.currency),
            # Unique on the account: a second guard against a second capture.
            "invoice_id": request.reference,
            "custom_id": request.order_reference,
            "description": request.subject[:127],
        }
        return {
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": {"paypal": {"experience_context": context}},
        }

    def _find(self, payment: base.PaymentRef) -> base.Snapshot | None:
        if payment.gateway_id:
            seen = self._reader.checkout(payment.gateway_id, payment.reference)
            if seen is None and payment.capture_sent:
                raise base.Unknown("a capture was sent, and its order is not to be found")
            return seen
        request = payment.request
        if request is None or self._clock() - request.created_at > CREATE_KEY_LIFETIME:
            return self._reader.search(payment)
        try:
            return self.create(request)
        except base.Refused:
            # Had it been done before, its order would have been the answer.
            return None

    def _capture_id(self, payment: base.PaymentRef) -> str:
        if payment.transaction_id:
            return named(payment.transaction_id)
        found = self._find(payment)
        if found is None or not found.captures:
            raise base.Unknown("nothing was captured yet")
        return named(found.captures[0].transaction_id)

    def _checkout_id(self, payment: base.PaymentRef) -> str:
        if payment.gateway_id:
            return named(payment.gateway_id)
        found = self._find(payment)
        if found is None:
            raise base.Unknown("its order is not to be found")
        return named(found.gateway_id)
