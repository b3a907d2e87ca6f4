"""What is measured: each operation's rows, requests and goals."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import rows
from bench.serving import WEBHOOK_SECRET

Requests = Callable[[int, str], bytes]


@dataclass(frozen=True)
class Operation:
    """One thing that the three do. `rows` are the arguments of `rows.write`; None: no fresh row."""

    name: str
    title: str
    script: str
    request: Requests  # of the n-th row, for "shop" or "floor"
    expected: str  # status
    of_limit: float | None = None
    of_floor: float | None = None
    rows: dict[str, Any] | None = None
    repeats: bool = False  # the same rows were done once before
    has_floor: bool = True
    reads: bool = False  # the rows of the past are looked at
    costs: int = 1  # rough weight of one, to choose how many


def _http(
    method: str, path: str, body: dict[str, Any] | None = None, **headers: str
) -> bytes:
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    told = {"Content-Type": "application/json", "Content-Length": str(len(text))}
    for name, value in {**(told if body is not None else {}), **headers}.items():
        head += f"{name.replace('_', '-')}: {value}\r\n"
    return f"{head}\r\n".encode() + text


def place_order(n: int, who: str) -> bytes:
    """One line, one piece."""
    product, sku = rows.good(n)
    body: dict[str, Any] = {"email": "bench@example.com"}
    if who == "shop":
        body |= {"lines": [{"sku": sku, "quantity": 1}], "currency": rows.CURRENCY}
    else:
        body |= {"product": product, "sku": sku}
    return _http("POST", "/api/v1/orders/", body, Idempotency_Key=f"place-{n:018}")


def start_payment(n: int, who: str) -> bytes:
    """By QR code."""
    path = f"/api/v1/orders/{rows.public_id(n)}/payments/"
    return _http("POST", path, {"method": "qr"}, Idempotency_Key=f"start-{n:018}")


def notification(n: int, who: str) -> bytes:
    """Signed, as the bank would."""
    reference = rows.reference(n)
    told = {
        "id": f"evt-{who}-{n}",
        "type": "payment.paid",
        "created_at": "2026-01-01T00:00:00+00:00",
        "merchant": "payonce-demo",
        "reference": reference,
        "payment_reference": reference,
        "data": {},
    }
    body, moment = json.dumps(told).encode(), int(time.time())
    signed = hmac.new(WEBHOOK_SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    signature = f"t={moment},v1={signed.hexdigest()}"
    return _http("POST", "/webhooks/sandbox/", told, Sandbox_Signature=signature)


def outcome(n: int, who: str) -> bytes:
    """The gateway said "captured"."""
    return _http("POST", f"/bench/outcomes/{rows.reference(n)}/", {})


def status(n: int, who: str) -> bytes:
    """A page that polls and hears nothing new."""
    path = f"/api/v1/orders/{rows.public_id(n)}/status/"
    return _http("GET", path, If_None_Match='"1-unpaid"')


OPERATIONS = [
    Operation("place_order", "place order", "place_order", place_order, "201", 0.10, 0.70, costs=4),
    Operation(
        "start_payment",
        "start payment",
        "start_payment",
        start_payment,
        "201",
        0.10,
        0.70,
        rows={},
        costs=5,
    ),
    Operation(
        "notification", "notification stored", "notification", notification, "200", 0.35, 0.70
    ),
    Operation(
        "outcome",
        "outcome recorded",
        "outcome",
        outcome,
        "200",
        0.11,
        0.70,
        rows={"order": "paying", "payment": "open"},
        costs=4,
    ),
    Operation(
        "repeated_notification",
        "repeated notification",
        "notification",
        notification,
        "200",
        repeats=True,
    ),
    Operation("status", "order status unchanged", "status", status, "304", rows={}),
]
