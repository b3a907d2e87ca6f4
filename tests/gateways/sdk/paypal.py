"""PayPal's official library against the simulated PayPal: `scripts/sdk_check.py paypal`.

It runs where only that library is installed, so it imports nothing of ours. The library knows no
webhooks, so openssl judges how they are signed.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import tempfile
import threading
import time
import urllib.request
import zlib
from base64 import b64decode
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BANK = os.environ["BANK_URL"]
FOLDER = Path(os.environ["BANK_KEYS"])
KEYS = json.loads((FOLDER / "secrets.json").read_text())
MONEY = {"currency_code": "EUR", "value": "25.00"}


def main() -> None:
    client = connected()
    events: list[tuple[bytes, dict[str, str]]] = []
    server = listen(events)
    (FOLDER / "endpoint.txt").write_text(f"http://127.0.0.1:{server.server_port}/")
    capture_id = orders(client)
    refunds(client, capture_id)
    report(client)
    notifications(events)
    server.shutdown()
    print(f"paypal-server-sdk {version('paypal-server-sdk')}: every call was accepted")  # noqa: T201


def connected() -> Any:
    """The library at our address, for which it has no option: its configuration is overridden."""
    auth = sdk("http.auth.o_auth_2", "ClientCredentialsAuthCredentials")
    credentials = auth(KEYS["client_id"], KEYS["client_secret"])
    here = {"get_base_uri": lambda self, server=None: f"{BANK}/paypal"}
    local = type("Local", (sdk("configuration", "Configuration"),), here)
    config = local(client_credentials_auth_credentials=credentials)
    return sdk("paypal_serversdk_client", "PaypalServersdkClient")(config=config)


def sdk(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"paypalserversdk.{module}"), name)


def orders(client: Any) -> str:
    """Create, repeat, capture too early, agree, capture, repeat; the capture's id."""
    api = client.orders
    body = {
        "intent": "CAPTURE",
        "purchase_units": [{"amount": MONEY, "invoice_id": "SDK-PAYPAL-1", "custom_id": "PO-1"}],
        "payment_source": {
            "paypal": {"experience_context": {"return_url": "http://127.0.0.1:8000/"}}
        },
    }
    wish = {"body": body, "paypal_request_id": "sdk-order-1", "prefer": "return=representation"}
    made = api.create_order(wish)
    assert made.status_code == 201
    order_id = made.body.id
    assert made.body.status == "PAYER_ACTION_REQUIRED"
    assert [link.rel for link in made.body.links] == ["self", "payer-action"]
    assert api.create_order(wish).body.id == order_id
    take = {"id": order_id, "paypal_request_id": "sdk-capture-1"}
    assert refused(lambda: api.capture_order(take)) == (422, "ORDER_NOT_APPROVED")
    pay("SDK-PAYPAL-1")
    assert api.get_order({"id": order_id}).body.status == "APPROVED"
    taken = api.capture_order(take).body
    capture = taken.purchase_units[0].payments.captures[0]
    assert (taken.status, capture.status, capture.amount.value) == (
        "COMPLETED", "COMPLETED", "25.00",
    )  # fmt: skip
    assert api.capture_order(take).body.id == order_id
    other = take | {"paypal_request_id": "sdk-capture-2"}
    assert refused(lambda: api.capture_order(other)) == (422, "ORDER_ALREADY_CAPTURED")
    assert refused(lambda: api.get_order({"id": "UNKNOWN0000000000"}))[0] == 404
    return str(capture.id)


def refunds(client: Any, capture_id: str) -> None:
    """Once per key, not more than there is, and found by its id."""
    api = client.payments
    assert api.get_captured_payment({"capture_id": capture_id}).body.status == "COMPLETED"
    amount = {"currency_code": "EUR", "value": "10.00"}
    body = {"amount": amount, "custom_id": "SDK-BACK"}
    wish = {"capture_id": capture_id, "paypal_request_id": "sdk-refund-1",
            "prefer": "return=representation", "body": body}  # fmt: skip
    first = api.refund_captured_payment(wish).body
    assert (first.status, first.amount.value, first.custom_id) == (
        "COMPLETED", "10.00", "SDK-BACK",
    )  # fmt: skip
    assert api.refund_captured_payment(wish).body.id == first.id
    assert api.get_refund({"refund_id": first.id}).body.id == first.id
    much = {"capture_id": capture_id, "paypal_request_id": "sdk-refund-2",
            "body": {"amount": {"currency_code": "EUR", "value": "15.01"}}}  # fmt: skip
    assert refused(lambda: api.refund_captured_payment(much)) == (422, "REFUND_AMOUNT_EXCEEDED")
    rest = {"capture_id": capture_id, "paypal_request_id": "sdk-refund-3"}
    assert api.refund_captured_payment(rest).body.amount.value == "15.00"
    again = rest | {"paypal_request_id": "sdk-refund-4"}
    assert refused(lambda: api.refund_captured_payment(again)) == (422, "CAPTURE_FULLY_REFUNDED")
    assert api.get_captured_payment({"capture_id": capture_id}).body.status == "REFUNDED"


def report(client: Any) -> None:
    """The movements of a day, as the library reads them."""
    now = datetime.now(timezone.utc)  # noqa: UP017 - any Python that the library supports
    asked = {"start_date": moment(now - timedelta(hours=1)), "end_date": moment(now),
             "fields": "transaction_info", "page_size": 2}  # fmt: skip
    told = client.transaction_search.search_transactions(asked).body
    assert (told.total_items, told.total_pages) == (3, 2)
    first, second = (row.transaction_info for row in told.transaction_details)
    assert (first.transaction_event_code, first.transaction_amount.value) == ("T0006", "25.00")
    assert (second.transaction_event_code, second.transaction_amount.value) == ("T1107", "-10.00")


def notifications(events: list[tuple[bytes, dict[str, str]]]) -> None:
    """The chain, the certificate's name and each signature, by openssl."""
    deadline = time.monotonic() + 10
    wanted = {"CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.REFUNDED"}
    while not wanted <= {json.loads(body)["event_type"] for body, _ in events}:
        assert time.monotonic() < deadline, "not everything was announced"
        time.sleep(0.05)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        url = urlsplit(events[0][1]["paypal-cert-url"])
        assert url.scheme == "https"
        with urllib.request.urlopen(f"{BANK}/paypal{url.path}", timeout=5) as answer:
            (place / "leaf.pem").write_bytes(answer.read())
        openssl("verify", "-CAfile", str(FOLDER / "anchor.pem"), "-purpose", "sslserver",
                "-verify_hostname", "messageverificationcerts.paypal.example",
                str(place / "leaf.pem"))  # fmt: skip
        key = openssl("x509", "-in", str(place / "leaf.pem"), "-pubkey", "-noout")
        (place / "key.pem").write_bytes(key)
        for body, headers in events:
            signed = "|".join((headers["paypal-transmission-id"],
                               headers["paypal-transmission-time"],
                               KEYS["webhook_id"].upper(), str(zlib.crc32(body))))  # fmt: skip
            (place / "signed").write_text(signed)
            (place / "signature").write_bytes(b64decode(headers["paypal-transmission-sig"]))
            openssl("dgst", "-sha256", "-verify", str(place / "key.pem"),
                    "-signature", str(place / "signature"), str(place / "signed"))  # fmt: skip


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def refused(call: Any) -> tuple[int, str]:
    """Status and issue of the error that the library makes of the answer."""
    try:
        call()
    except sdk("exceptions.error_exception", "ErrorException") as problem:
        return problem.response_code, problem.details[0].issue
    raise AssertionError("it should have been refused")


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def pay(reference: str) -> None:
    """Be the shopper's phone: agree."""
    request = urllib.request.Request(f"{BANK}/payments/{reference}/pay", method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def listen(events: list[tuple[bytes, dict[str, str]]]) -> ThreadingHTTPServer:
    """The shop's webhook door."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            events.append((body, {k.lower(): v for k, v in self.headers.items()}))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


if __name__ == "__main__":
    main()
