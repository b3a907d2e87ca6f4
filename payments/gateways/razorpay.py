"""Razorpay: `checkout` in the shop's page (an order, captured by us) and `link`, a payment link.

Orders have no idempotency key and never end: they are looked up by receipt, before each create and
for each question. What stops a late payment is that nothing is taken without our capture:
an authorization that nobody captures goes back by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from payments.gateways import base, razorpay_events, razorpay_statement
from payments.gateways import razorpay_answers as answers
from payments.gateways import razorpay_wishes as wishes
from payments.gateways.razorpay_answers import Found
from payments.gateways.razorpay_lookup import REFERENCE, Books
from payments.gateways.razorpay_wire import Api
from payments.gateways.wire import Wire, reading, text, whole

# A link's expire_by is at least 15 minutes ahead when it arrives (documentation).
LIFETIME_SECONDS = {"checkout": 900, "link": 1200}
REQUEST_DELAY_SECONDS = 300
# A failed payment can turn out to be authorized; Razorpay asks the bank for up to five days.
LATE_SECONDS = 5 * 24 * 3600
# Uncaptured for so long, an authorization is returned; at most 7200 minutes.
AUTHORIZATION_MINUTES = 1440
# INR 1.00; the same figure is the least of every other currency with two places.
AMOUNT_MINOR_MIN = 100
# The last of their three places must be 0 (documentation).
THREE_PLACES = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
CHECKOUT_ORIGINS = ("https://api.razorpay.com", "https://checkout.razorpay.com")

Opened = tuple[Found, base.Presentation, datetime]


class RazorpayGateway:
    """Its settings are plain keywords; `merchant` is the account's id, as webhooks name it."""

    name = "razorpay"
    # Any 2xx within five seconds.
    acknowledgement = base.Acknowledgement()

    def __init__(
        self,
        *,
        base_url: str,
        merchant: str,
        key_id: str,
        key_secret: str,
        webhook_secrets: Sequence[str],
        currencies: Sequence[str] = ("INR",),
        frame_url: str = "",
        frame_origins: Sequence[str] = CHECKOUT_ORIGINS,
        connect_seconds: float = 1.0,
        read_seconds: float = 5.0,
        lifetime_seconds: Mapping[str, float] = LIFETIME_SECONDS,
        request_delay_seconds: float = REQUEST_DELAY_SECONDS,
        late_window_seconds: float = LATE_SECONDS,
        authorization_minutes: int = AUTHORIZATION_MINUTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        # An empty secret would verify whatever an attacker signs with it.
        if not (merchant and key_id and key_secret and webhook_secrets and all(webhook_secrets)):
            raise ValueError("Razorpay needs its account, its key and its secrets")
        wire = Wire(base_url, connect_seconds=connect_seconds, read_seconds=read_seconds)
        self._api = Api(wire, key_id, key_secret)
        self._books = Books(self._api)
        self._merchant = merchant
        self._key_id = key_id
        self._webhook_secrets = tuple(webhook_secrets)
        self._currencies = frozenset(currencies)
        self._frame = {"frame_url": frame_url, "frame_origins": tuple(frame_origins)}
        self._lifetimes = {**LIFETIME_SECONDS, **lifetime_seconds}
        self._request_delay = timedelta(seconds=request_delay_seconds)
        self._late_window = timedelta(seconds=late_window_seconds)
        self._authorization = timedelta(minutes=authorization_minutes)
        self._clock = clock

    def methods(self) -> Sequence[base.Capabilities]:
        return [
            self._method("checkout", "Razorpay", "embedded", merchant_captures=True, **self._frame),
            self._method("link", "Razorpay payment page", "redirect"),
        ]

    def create(self, request: base.CreateRequest) -> base.Snapshot:
        self._check(request)
        open_one = self._open_link if request.method == "link" else self._open_checkout
        found, presentation, expires_at = open_one(request)
        if (found.amount_minor, found.currency) != (request.amount_minor, request.currency):
            raise base.Unknown("the reference stands for another amount")
        return self._shown(found, _named(request), presentation, expires_at)

    def query(self, payment: base.PaymentRef) -> base.Snapshot:
        found = self._books.find(payment)
        if found is None:
            return base.Snapshot(
                base.State.NOT_FOUND, reference=payment.reference, merchant=self._merchant
            )
        return self._shown(found, payment)

    def close(self, payment: base.PaymentRef) -> base.CloseResult:
        """A link is cancelled; an order cannot be, and is given up when its time is over."""
        snapshot = self.query(payment)
        if snapshot.method == "link" and snapshot.state is base.State.PENDING:
            snapshot = self._cancelled(payment, snapshot.gateway_id)
        if snapshot.state is base.State.CAPTURED:
            return base.CloseResult(base.CloseAnswer.ALREADY_PAID, snapshot=snapshot)
        if snapshot.state is base.State.CLOSED:
            return base.CloseResult(base.CloseAnswer.CLOSED, snapshot=snapshot)
        if snapshot.state is base.State.NOT_FOUND:
            return base.CloseResult(base.CloseAnswer.NOT_FOUND, snapshot=snapshot)
        return base.CloseResult(
            base.CloseAnswer.NOT_CLOSABLE, self._dead_after(payment), snapshot=snapshot
        )

    def capture(self, payment: base.PaymentRef, key: str) -> base.Snapshot:
        """Razorpay knows no key here: a payment can be captured once, and then it says so."""
        found = self._books.find(payment)
        if found is None:
            raise base.Unknown("what was authorized is not found")
        with reading():
            waiting = found.authorized
            if waiting is None:
                return self._shown(found, payment)
            payment_id = answers.matching(waiting["id"], answers.ID)
            body = {"amount": whole(waiting["amount"]), "currency": text(waiting["currency"])}
        wanted = payment.request
        if wanted and list(body.values()) != [wanted.amount_minor, wanted.currency]:
            # Razorpay captures the whole authorization or nothing: this one is left to lapse.
            shown = self._shown(found, payment)
            return replace(shown, state=base.State.PENDING, note="authorized for another amount")
        refusal = "it says done"
        try:
            self._api.post(f"/v1/payments/{payment_id}/capture", body)
        except base.Refused as no:
            # Also said while another request is at it, and when it was captured before.
            refusal = no.code
        snapshot = self.query(payment)
        if snapshot.state is base.State.AUTHORIZED:
            raise base.Unknown(f"still not captured: {refusal}")
        return snapshot

    def refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        known = self.query_refund(request)
        if known.state is not base.RefundState.NOT_FOUND:
            return known
        path = f"/v1/payments/{request.payment.transaction_id}/refund"
        try:
            answer = self._api.post(
                path, wishes.refund(request), {"X-Refund-Idempotency": request.reference}
            )
        except base.Refused:
            # "Bad request" is also said to a key that another body has used.
            known = self.query_refund(request)
            if known.state is base.RefundState.NOT_FOUND:
                raise
            return known
        with reading():
            return answers.refund_snapshot(answer, request.payment.transaction_id)

    def query_refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        payment_id = request.payment.transaction_id
        with reading():
            known = answers.refund_with(request.reference, self._books.refunds_of(payment_id))
            if known is None:
                return base.RefundSnapshot(base.RefundState.NOT_FOUND)
            return answers.refund_snapshot(known, payment_id)

    def parse_notification(self, request: base.RawRequest) -> Sequence[base.NotificationHint]:
        # Before parsing: an unsigned body never reaches our JSON decoder.
        razorpay_events.check(request, self._webhook_secrets)
        return razorpay_events.hints(request, merchant=self._merchant, now=self._clock())

    def statement(self, day: date) -> Sequence[base.StatementRow]:
        with reading():
            return razorpay_statement.rows(self._api, day)

    def _method(self, method: str, title: str, presentation: str, **more: Any) -> base.Capabilities:
        lifetime = timedelta(seconds=self._lifetimes[method])
        return base.Capabilities(
            method=method,
            title=title,
            presentations=(presentation,),
            currencies=self._currencies,
            amount_minor_min=AMOUNT_MINOR_MIN,
            lifetime=lifetime,
            not_found_final_after=lifetime + self._request_delay,
            late_window=self._late_window,
            **more,
        )

    def _check(self, request: base.CreateRequest) -> None:
        if request.method not in LIFETIME_SECONDS or not REFERENCE.fullmatch(request.reference):
            raise base.Refused("razorpay_knows_not_this_method_or_reference")
        if request.currency not in self._currencies:
            raise base.Refused("razorpay_takes_not_this_currency")
        if request.currency in THREE_PLACES and request.amount_minor % 10:
            raise base.Refused("razorpay_wants_a_last_zero_in_this_currency")

    def _open_checkout(self, request: base.CreateRequest) -> Opened:
        # Orders have no key: whoever creates without looking makes a second one.
        found = self._books.checkout(request.reference)
        if found is None:
            minutes = int(self._authorization.total_seconds() // 60)
            entity = self._api.post("/v1/orders", wishes.checkout(request, minutes))
            with reading():
                found = answers.checkout(entity, request.reference)
        content = {"provider": "razorpay", "public_key": self._key_id,
                   "client_token": found.gateway_id}  # fmt: skip
        return found, base.Presentation("embedded", content, ("client_token",)), request.expires_at

    def _open_link(self, request: base.CreateRequest) -> Opened:
        entity = self._books.link(request.reference)
        if entity is None:
            try:
                entity = self._api.post("/v1/payment_links", wishes.link(request))
            except base.Refused:
                # "Bad request" is also said to a reference_id that is there already.
                entity = self._books.link(request.reference)
                if entity is None:
                    raise
        found = self._books.with_payments(entity, request.reference)
        with reading():
            shown = base.Presentation("redirect", {"url": answers.address(entity["short_url"])})
            return found, shown, answers.moment(entity["expire_by"])

    def _cancelled(self, payment: base.PaymentRef, link_id: str) -> base.Snapshot:
        """The link after our wish; a refusal means that it was paid or has ended before."""
        with contextlib.suppress(base.Refused):
            self._api.post(f"/v1/payment_links/{link_id}/cancel", {})
        return self.query(payment)

    def _shown(
        self,
        found: Found,
        payment: base.PaymentRef,
        presentation: base.Presentation | None = None,
        expires_at: datetime | None = None,
    ) -> base.Snapshot:
        over = self._clock() > self._dead_after(payment) + self._request_delay
        with reading():
            given_back = [
                answers.refund_fact(refund)
                for capture in answers.captures(found.payments)
                if capture.refunded_minor
                for refund in self._books.refunds_of(capture.transaction_id)
            ]
            return answers.snapshot(
                found,
                merchant=self._merchant,
                is_over=over and found.method == "checkout",
                presentation=presentation,
                expires_at=expires_at,
                refunds=given_back,
            )

    def _dead_after(self, payment: base.PaymentRef) -> datetime:
        """From when nothing can be taken: an order is captured by us or not at all. A capture
        that is on its way may still find an authorization until Razorpay has returned it."""
        lifetime = timedelta(seconds=self._lifetimes.get(payment.method, 0))
        ends = payment.request.expires_at if payment.request else payment.created_at + lifetime
        return ends + self._authorization if payment.capture_sent else ends


def _named(request: base.CreateRequest) -> base.PaymentRef:
    return base.PaymentRef(request.reference, request.method, request.created_at, request=request)
