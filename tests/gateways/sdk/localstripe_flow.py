"""Our Stripe adapter at localstripe: every step of the card flow that the emulator knows.

Its keys are of no use (a repeated create makes a second payment) and neither are its limits (a
refund may be larger than the payment), so what is shown here is the wire: forms that it parses,
objects that we read, events that it signs.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from payments.gateways import base
from payments.gateways.stripe import StripeGateway

URL = os.environ.get("EMULATOR_URL", "")
SECRET_KEY, WEBHOOK_SECRET = "sk_test_localstripe12345", "whsec_localstripe"
GOOD, DECLINED = "4242424242424242", "4000000000000341"


def main() -> None:
    gateway = StripeGateway(
        base_url=URL, secret_key=SECRET_KEY, public_key="pk_test_localstripe12345",
        webhook_secrets=(WEBHOOK_SECRET,),
    )  # fmt: skip
    client = httpx.Client(base_url=URL, auth=(SECRET_KEY, ""), timeout=10, trust_env=False)
    events: list[base.RawRequest] = []
    server = listen(events)
    form = {"url": f"http://127.0.0.1:{server.server_port}/", "secret": WEBHOOK_SECRET}
    client.post("/_config/webhooks/shop", data=form).raise_for_status()
    seen = [
        opened_and_closed(gateway),
        declined_then_paid(gateway, client),
        paid_and_refunded(gateway, client),
        announced(gateway, events),
        beyond_it(gateway),
    ]
    server.shutdown()
    print("localstripe: " + "; ".join(seen))  # noqa: T201


def opened_and_closed(gateway: StripeGateway) -> str:
    request = wish("LOCALSTRIPE-CLOSED-1")
    made = gateway.create(request)
    assert made.state is base.State.PENDING
    assert made.presentation is not None
    assert made.presentation.content["client_token"].startswith(made.gateway_id)
    assert gateway.query(named(request, made)).state is base.State.PENDING
    for _ in range(2):
        closed = gateway.close(named(request, made))
        assert closed.answer is base.CloseAnswer.CLOSED, closed
    return "create, query, close, close again"


def declined_then_paid(gateway: StripeGateway, client: httpx.Client) -> str:
    request = wish("LOCALSTRIPE-DECLINE1")
    made = gateway.create(request)
    confirm(client, made.gateway_id, DECLINED, status=402)
    shown = gateway.query(named(request, made))
    assert (shown.state, shown.note) == (base.State.PENDING, "card_declined"), shown
    return "a declined card stays open"


def paid_and_refunded(gateway: StripeGateway, client: httpx.Client) -> str:
    request = wish("LOCALSTRIPE-PAID-001")
    made = gateway.create(request)
    confirm(client, made.gateway_id, GOOD, status=200)
    shown = gateway.query(named(request, made))
    (capture,) = shown.captures
    assert (capture.amount_minor, capture.currency) == (2500, "EUR")
    assert gateway.close(named(request, made)).answer is base.CloseAnswer.ALREADY_PAID
    payment = named(request, made, capture.transaction_id)
    refund = base.RefundRequest(
        "LOCALSTRIPE-REFUND01", payment, 1000, "EUR", "sent back", datetime.now(UTC)
    )
    assert gateway.query_refund(refund).state is base.RefundState.NOT_FOUND
    assert gateway.refund(refund).state is base.RefundState.DONE
    assert gateway.query_refund(refund).amount_minor == 1000
    assert gateway.query(payment).captures[0].refunded_minor == 1000
    return "a paid card, close says so, refund found again"


def announced(gateway: StripeGateway, events: list[base.RawRequest]) -> str:
    deadline = time.monotonic() + 10
    kinds: set[str] = set()
    while not {"payment_intent.succeeded", "payment_intent.payment_failed"} <= kinds:
        assert time.monotonic() < deadline, f"only {kinds} came"
        time.sleep(0.05)
        kinds = {hint.kind for one in events for hint in gateway.parse_notification(one)}
    return "its signed events are verified"


def beyond_it(gateway: StripeGateway) -> str:
    """What it lacks ends as unknown, never as a no to money that may be there."""
    ref = base.PaymentRef("LOCALSTRIPE-PAID-001", "", datetime.now(UTC))
    for call in (lambda: gateway.query(ref), lambda: gateway.statement(datetime.now(UTC).date())):
        try:
            call()
        except (base.Unknown, base.Refused):
            continue
        raise AssertionError("it has learned that; say so in the documentation")
    return "no search and no statement there"


def wish(reference: str) -> base.CreateRequest:
    now = datetime.now(UTC)
    return base.CreateRequest(
        reference=reference, order_reference="PO-1", method="card", amount_minor=2500,
        currency="EUR", subject="Order 1", created_at=now, expires_at=now + timedelta(minutes=30),
        notify_url="", return_url="http://127.0.0.1:8000/", locale="en",
    )  # fmt: skip


def named(
    request: base.CreateRequest, made: base.Snapshot, transaction_id: str = ""
) -> base.PaymentRef:
    return base.PaymentRef(
        request.reference, "card", request.created_at, made.gateway_id, transaction_id, request
    )


def confirm(client: httpx.Client, intent: str, card: str, *, status: int) -> None:
    """What the form in the shop's page does."""
    form: dict[str, Any] = {"type": "card", "card[number]": card, "card[cvc]": "123",
                            "card[exp_month]": "12", "card[exp_year]": "2040"}  # fmt: skip
    method = client.post("/v1/payment_methods", data=form).raise_for_status().json()["id"]
    client.post(f"/v1/payment_intents/{intent}", data={"payment_method": method})
    answer = client.post(f"/v1/payment_intents/{intent}/confirm")
    assert answer.status_code == status, answer.text


def listen(events: list[base.RawRequest]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            events.append(base.RawRequest("POST", "/", "", headers, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


if __name__ == "__main__":
    main()
