"""Razorpay's own Python SDK against the simulator. Run by scripts/sdk_check.py."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import razorpay  # type: ignore[import-not-found]
import requests

BANK = os.environ["BANK_URL"]
KEYS = json.loads((Path(os.environ["BANK_KEYS"]) / "secrets.json").read_text())
KEY_ID = "rzp_test_" + KEYS["key_id"]
CLIENT = razorpay.Client(auth=(KEY_ID, KEYS["key_secret"]), base_url=f"{BANK}/razorpay")
# The SDK brings the authorities of 2015 along: whoever uses it has to replace them.
CLIENT.cert_path = True
HEARD: list[tuple[str, str, str]] = []


class Ear(BaseHTTPRequestHandler):
    """The shop's webhook."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        told = self.headers
        HEARD.append((body, told["X-Razorpay-Signature"], told["X-Razorpay-Event-Id"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *told: object) -> None:
        """Silence."""


def heard(event: str) -> Any:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for body, signature, name in HEARD:
            if json.loads(body)["event"] == event:
                assert name
                assert CLIENT.utility.verify_webhook_signature(
                    body, signature, KEYS["webhook_secret"]
                )
                return json.loads(body)
        time.sleep(0.05)
    raise AssertionError(f"{event} never came")


def refused(call, *words, **more) -> str:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            call(*words, **more)
        except razorpay.errors.BadRequestError as error:
            return str(error)
    raise AssertionError("it was not refused")


def pay(reference: str) -> None:
    assert requests.post(f"{BANK}/payments/{reference}/pay", timeout=10).status_code == 200


def new() -> str:
    return secrets.token_hex(13).upper()


def the_checkout() -> None:
    receipt = new()
    order = CLIENT.order.create({
        "amount": 2500, "currency": "INR", "receipt": receipt, "notes": {"reference": receipt},
        "payment": {"capture": "manual", "capture_options": {
            "manual_expiry_period": 1440, "refund_speed": "normal"}},
    })  # fmt: skip
    assert (order["entity"], order["status"], order["receipt"]) == ("order", "created", receipt)
    listed = CLIENT.order.all({"receipt": receipt, "expand[]": "payments"})
    assert [found["id"] for found in listed["items"]] == [order["id"]]
    assert listed["items"][0]["payments"]["items"] == []
    pay(receipt)
    (payment,) = CLIENT.order.payments(order["id"])["items"]
    assert (payment["status"], payment["captured"]) == ("authorized", False)
    assert heard("payment.authorized")["payload"]["payment"]["entity"]["id"] == payment["id"]
    assert refused(CLIENT.payment.capture, payment["id"], 2499, {"currency": "INR"})
    captured = CLIENT.payment.capture(payment["id"], 2500, {"currency": "INR"})
    assert (captured["status"], captured["captured"]) == ("captured", True)
    assert "captured" in refused(CLIENT.payment.capture, payment["id"], 2500, {"currency": "INR"})
    assert CLIENT.order.fetch(order["id"])["status"] == "paid"
    assert heard("order.paid")["payload"]["order"]["entity"]["receipt"] == receipt
    the_refund(payment["id"])


def the_refund(payment_id: str) -> None:
    body = {"amount": 1000, "receipt": new(), "speed": "normal"}
    told = {"X-Refund-Idempotency": body["receipt"]}
    first = CLIENT.payment.refund(payment_id, body, headers=told)
    again = CLIENT.payment.refund(payment_id, body, headers=told)
    assert (first["id"], first["status"]) == (again["id"], "processed")
    assert refused(CLIENT.payment.refund, payment_id, body | {"amount": 1}, headers=told)
    assert refused(CLIENT.payment.refund, payment_id, {"amount": 1501})
    assert CLIENT.refund.fetch(first["id"])["receipt"] == body["receipt"]
    (listed,) = CLIENT.payment.fetch_multiple_refund(payment_id)["items"]
    assert listed["id"] == first["id"]
    assert CLIENT.payment.fetch(payment_id)["amount_refunded"] == 1000
    assert heard("refund.processed")["payload"]["refund"]["entity"]["id"] == first["id"]


def the_link() -> None:
    paid, cancelled = new(), new()
    wish = {"amount": 700, "currency": "INR", "accept_partial": False, "description": "An order",
            "expire_by": int(time.time()) + 1200, "callback_url": f"{BANK}/", "notes": {},
            "callback_method": "get"}  # fmt: skip
    link = CLIENT.payment_link.create(wish | {"reference_id": paid})
    assert link["status"] == "created"
    assert "exists" in refused(CLIENT.payment_link.create, wish | {"reference_id": paid})
    page = requests.post(link["short_url"], data={"act": "pay"}, allow_redirects=False, timeout=10)
    told = dict(parse_qsl(urlsplit(page.headers["Location"]).query))
    assert CLIENT.utility.verify_payment_link_signature({
        "payment_link_id": told["razorpay_payment_link_id"],
        "payment_link_reference_id": told["razorpay_payment_link_reference_id"],
        "payment_link_status": told["razorpay_payment_link_status"],
        "razorpay_payment_id": told["razorpay_payment_id"],
        "razorpay_signature": told["razorpay_signature"],
    })  # fmt: skip
    assert CLIENT.payment_link.fetch(link["id"])["status"] == "paid"
    assert heard("payment_link.paid")["payload"]["payment_link"]["entity"]["id"] == link["id"]
    assert refused(CLIENT.payment_link.cancel, link["id"])
    other = CLIENT.payment_link.create(wish | {"reference_id": cancelled})
    assert CLIENT.payment_link.cancel(other["id"])["status"] == "cancelled"
    (found,) = CLIENT.payment_link.all({"reference_id": cancelled})["payment_links"]
    assert found["status"] == "cancelled"
    assert heard("payment_link.cancelled")


def a_stranger() -> None:
    stranger = razorpay.Client(auth=(KEY_ID, "wrong"), base_url=f"{BANK}/razorpay")
    stranger.cert_path = True
    assert "Authentication" in refused(stranger.order.all)


def main() -> None:
    server = HTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    CLIENT.webhook.create({"url": f"http://127.0.0.1:{server.server_port}/", "active": True})
    for step in (the_checkout, the_link, a_stranger):
        step()
        sys.stdout.write(f"  {step.__name__.replace('_', ' ')}\n")
    movements = requests.get(f"{BANK}/ledger", timeout=10).json()["movements"]
    assert [(m["kind"], m["amount_minor"]) for m in movements] == [
        ("charge", 2500), ("refund", 1000), ("charge", 700),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
