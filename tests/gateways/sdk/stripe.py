"""Stripe's official library against the simulated Stripe: run by `scripts/sdk_check.py stripe`.

It runs where only that library is installed, so it imports nothing of ours.
"""

from __future__ import annotations

import importlib
import json
import os
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

stripe: Any = importlib.import_module("stripe")

BANK = os.environ["BANK_URL"]
KEYS = json.loads((Path(os.environ["BANK_KEYS"]) / "secrets.json").read_text())
CARD: dict[str, Any] = {
    "amount": 2500, "currency": "eur", "payment_method_types": ["card"],
}  # fmt: skip


def main() -> None:
    client = stripe.StripeClient(KEYS["secret_key"], base_addresses={"api": f"{BANK}/stripe"})
    events: list[tuple[bytes, str]] = []
    server = listen(events)
    url = f"http://127.0.0.1:{server.server_port}/webhooks/stripe/"
    endpoint = client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    cards(client.v1)
    hosted(client.v1)
    boletos(client.v1)
    refunds(client.v1)
    notifications(events, endpoint.secret)
    server.shutdown()
    print(f"stripe {stripe.VERSION}: every call was accepted")  # noqa: T201


def cards(v1: Any) -> None:
    """Create, replay, confirm, decline, cancel, search, and the errors in between."""
    wish = CARD | {"metadata": {"reference": "SDK-CARD-0001"}}
    made = v1.payment_intents.create(wish, {"idempotency_key": "sdk-card-1"})
    assert made.status == "requires_payment_method"
    assert made.client_secret.startswith(made.id)
    again = v1.payment_intents.create(wish, {"idempotency_key": "sdk-card-1"})
    assert again.id == made.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    refused(
        stripe.IdempotencyError,
        lambda: v1.payment_intents.create(wish | {"amount": 1}, {"idempotency_key": "sdk-card-1"}),
    )
    bad = {"payment_method": "pm_card_chargeDeclined"}
    refused(stripe.CardError, lambda: v1.payment_intents.confirm(made.id, bad))
    assert v1.payment_intents.retrieve(made.id).last_payment_error.code == "card_declined"
    paid = v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.amount_received) == ("succeeded", 2500)
    shown = v1.payment_intents.retrieve(made.id, {"expand": ["latest_charge"]})
    assert (shown.latest_charge.object, shown.latest_charge.amount_captured) == ("charge", 2500)
    no = refused(stripe.InvalidRequestError, lambda: v1.payment_intents.cancel(made.id))
    assert no.code == "payment_intent_unexpected_state"
    found = v1.payment_intents.search({"query": "metadata['reference']:'SDK-CARD-0001'"})
    assert [one.id for one in found.data] == [made.id]
    other = v1.payment_intents.create(CARD)
    assert v1.payment_intents.cancel(other.id).status == "canceled"
    missing = refused(stripe.InvalidRequestError, lambda: v1.payment_intents.retrieve("pi_none"))
    assert (missing.http_status, missing.code) == (404, "resource_missing")
    wrong = stripe.StripeClient("sk_test_wrong", base_addresses={"api": f"{BANK}/stripe"}).v1
    refused(stripe.AuthenticationError, lambda: wrong.payment_intents.retrieve(made.id))


def hosted(v1: Any) -> None:
    """A page that is paid, and one that is expired."""
    price = {"currency": "eur", "unit_amount": 990, "product_data": {"name": "A mug"}}
    wish = {
        "mode": "payment",
        "line_items": [{"quantity": 2, "price_data": price}],
        "success_url": "http://127.0.0.1:8000/",
        "expires_at": int(time.time()) + 2400,
        "metadata": {"reference": "SDK-PAGE-0001"},
        "payment_intent_data": {"metadata": {"reference": "SDK-PAGE-0001"}},
    }
    made = v1.checkout.sessions.create(wish)
    assert (made.status, made.payment_intent, made.amount_total) == ("open", None, 1980)
    assert made.url
    pay("SDK-PAGE-0001")
    shown = v1.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent.latest_charge"]})
    assert (shown.status, shown.payment_status) == ("complete", "paid")
    assert shown.payment_intent.latest_charge.amount == 1980
    refused(stripe.InvalidRequestError, lambda: v1.checkout.sessions.expire(made.id))
    other = v1.checkout.sessions.create(wish | {"metadata": {}, "payment_intent_data": {}})
    assert v1.checkout.sessions.expire(other.id).status == "expired"


def boletos(v1: Any) -> None:
    """A voucher, and that its money never goes back."""
    wish = {
        "amount": 1000, "currency": "brl", "payment_method_types": ["boleto"], "confirm": True,
        "payment_method_data": {
            "type": "boleto",
            "boleto": {"tax_id": "000.000.000-00"},
            "billing_details": {"name": "Ada Lovelace"},
        },
        "payment_method_options": {"boleto": {"expires_after_days": 3}},
        "metadata": {"reference": "SDK-BOLETO-01"},
    }  # fmt: skip
    made = v1.payment_intents.create(wish)
    shown = made.next_action.boleto_display_details
    assert made.status == "requires_action"
    assert shown.number
    assert shown.hosted_voucher_url
    assert shown.expires_at > time.time()
    pay("SDK-BOLETO-01")
    assert v1.payment_intents.retrieve(made.id).status == "succeeded"
    refused(stripe.InvalidRequestError, lambda: v1.refunds.create({"payment_intent": made.id}))


def refunds(v1: Any) -> None:
    """Once per key, not more than there is, found again, and in the balance."""
    made = v1.payment_intents.create(CARD)
    v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})
    wish = {"payment_intent": made.id, "amount": 1000, "metadata": {"reference": "SDK-REFUND-01"}}
    first = v1.refunds.create(wish, {"idempotency_key": "sdk-refund-1"})
    again = v1.refunds.create(wish, {"idempotency_key": "sdk-refund-1"})
    assert (first.id, first.status) == (again.id, "succeeded")
    refused(
        stripe.InvalidRequestError,
        lambda: v1.refunds.create({"payment_intent": made.id, "amount": 1501}),
    )
    v1.refunds.create({"charge": first.charge})
    no = refused(stripe.InvalidRequestError, lambda: v1.refunds.create({"charge": first.charge}))
    assert no.code == "charge_already_refunded"
    assert v1.refunds.retrieve(first.id).amount == 1000
    listed = list(v1.refunds.list({"payment_intent": made.id, "limit": 1}).auto_paging_iter())
    assert sorted(one.amount for one in listed) == [1000, 1500]
    lines = v1.balance_transactions.list(
        {"created": {"gte": int(time.time()) - 600}, "expand": ["data.source"]}
    )
    kinds = [line.source.object for line in lines.auto_paging_iter()]
    assert (kinds.count("charge"), kinds.count("refund")) == (4, 2)


def notifications(events: list[tuple[bytes, str]], secret: str) -> None:
    """What the simulator signs, the library verifies; what it did not, it refuses."""
    wanted = {
        "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled",
        "checkout.session.completed", "checkout.session.expired", "refund.updated",
    }  # fmt: skip
    deadline = time.monotonic() + 10
    kinds: set[str] = set()
    while not wanted <= kinds:
        assert time.monotonic() < deadline, f"only {kinds} came"
        time.sleep(0.05)
        kinds = {
            stripe.Webhook.construct_event(body, header, secret).type for body, header in events
        }
    body, header = events[0]
    refused(
        stripe.SignatureVerificationError,
        lambda: stripe.Webhook.construct_event(body + b" ", header, secret),
    )


def refused(kind: type[Exception], call: Any) -> Any:
    """The error that the library makes of the answer."""
    try:
        call()
    except kind as problem:
        return problem
    raise AssertionError(f"it should have raised {kind.__name__}")


def pay(reference: str) -> None:
    """Be the shopper's phone."""
    request = urllib.request.Request(f"{BANK}/payments/{reference}/pay", method="POST")
    assert urllib.request.urlopen(request, timeout=5).status == 200


def listen(events: list[tuple[bytes, str]]) -> ThreadingHTTPServer:
    """The shop's webhook door."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            events.append((body, self.headers["Stripe-Signature"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


if __name__ == "__main__":
    main()
