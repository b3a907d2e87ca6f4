"""What is measured over HTTP: each operation's rows, requests and goals."""

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


@dataclass(frozen=True)
class Turn:
    """Whose request it is, about which row; `session` is a member of staff's."""

    n: int
    who: str  # "shop" or "floor"
    session: str = ""


@dataclass(frozen=True)
class Operation:
    """One thing that the three do; goals are ratios, None where there is none."""

    name: str
    title: str
    request: Callable[[Turn], bytes]
    expected: str  # status
    script: str = ""  # of the limit, if it is not called like the operation
    of_limit: float | None = None
    of_floor: float | None = None
    rows: dict[str, Any] | None = None  # the arguments of `rows.write`; None: no fresh rows
    remembered: bool = False  # the shop has just placed these orders: it remembers their terms
    repeats: bool = False  # the same was done once before
    has_floor: bool = True
    of_the_past: bool = False  # rows are looked at that were there before
    costs: int = 1  # roughly, beside the cheapest: the dearer, the fewer


def place_order(turn: Turn) -> bytes:
    """One line, one piece."""
    product, sku = rows.good(turn.n)
    body: dict[str, Any] = {"email": "bench@example.com"}
    if turn.who == "shop":
        body |= {"lines": [{"sku": sku, "quantity": 1}], "currency": rows.CURRENCY}
    else:
        body |= {"product": product, "sku": sku}
    return _http("POST", "/api/v1/orders/", body, Idempotency_Key=f"place-{turn.n:018}")


def start_payment(turn: Turn) -> bytes:
    """By QR code."""
    path = f"/api/v1/orders/{rows.public_id(turn.n)}/payments/"
    return _http("POST", path, {"method": "qr"}, Idempotency_Key=f"start-{turn.n:018}")


def notification(turn: Turn) -> bytes:
    """Signed, as the bank would."""
    reference = rows.reference(turn.n)
    told = {
        "id": f"evt-{turn.who}-{turn.n}",
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


def outcome(turn: Turn) -> bytes:
    """The gateway said "captured"."""
    return _http("POST", f"/bench/outcomes/{rows.reference(turn.n)}/", {})


def status(turn: Turn) -> bytes:
    """A page that polls and hears nothing new."""
    path = f"/api/v1/orders/{rows.public_id(turn.n)}/status/"
    return _http("GET", path, If_None_Match='"1-unpaid"')


def staff(address: Callable[[int], str]) -> Callable[[Turn], bytes]:
    """A page that a signed-in member of staff opens."""
    return lambda turn: _http("GET", address(turn.n), Cookie=f"session={turn.session}")


OPERATIONS = [
    Operation(
        "place_order", "place order", place_order, "201", of_limit=0.10, of_floor=0.70, costs=4
    ),
    Operation(
        "start_payment", "start payment", start_payment, "201",
        of_limit=0.10, of_floor=0.70, rows={}, remembered=True, costs=5,
    ),
    Operation(
        "notification", "notification stored", notification, "200", of_limit=0.35, of_floor=0.70
    ),
    Operation(
        "outcome", "outcome recorded", outcome, "200",
        of_limit=0.11, of_floor=0.70, rows={"order": "paying", "payment": "open"}, costs=4,
    ),
    Operation(
        "repeated_notification", "repeated notification", notification, "200",
        script="notification", repeats=True,
    ),
    Operation("status", "order status unchanged", status, "304", rows={}),
    Operation(
        "staff_search", "staff search by mail address",
        staff(lambda n: f"/admin/desk/search/?q=shopper{(n - 1) // 10}@example.com"), "200",
        has_floor=False, of_the_past=True, costs=24,
    ),
    Operation(
        "staff_number", "staff search by order number",
        staff(lambda n: f"/admin/desk/search/?q={rows.order_number(n)}"), "302",
        has_floor=False, of_the_past=True, costs=24,
    ),
    Operation(
        "staff_list", "staff list of payments", staff(lambda _: "/admin/payments/payment/"), "200",
        has_floor=False, of_the_past=True, costs=60,
    ),
    Operation(
        "staff_orders", "staff list of orders", staff(lambda _: "/admin/orders/order/"), "200",
        has_floor=False, of_the_past=True, costs=60,
    ),
    Operation(
        "staff_order", "staff page of an order",
        staff(lambda n: f"/admin/desk/orders/{rows.order_number(n)}/"), "200",
        has_floor=False, of_the_past=True, costs=60,
    ),
    Operation(
        "staff_reviews", "staff list of review cases", staff(lambda _: "/admin/desk/reviews/"),
        "200", has_floor=False, of_the_past=True, costs=60,
    ),
    Operation(
        "staff_inbox", "staff list of notifications", staff(lambda _: "/admin/desk/inbox/"), "200",
        has_floor=False, of_the_past=True, costs=60,
    ),
    Operation(
        "staff_refunds", "staff list of refunds that wait", staff(lambda _: "/admin/desk/refunds/"),
        "200", has_floor=False, of_the_past=True, costs=60,
    ),
    # Its figures are kept for half a minute: the slowest of a round are those that were read anew.
    Operation(
        "staff_dashboard", "staff dashboard", staff(lambda _: "/admin/desk/"), "200",
        has_floor=False, of_the_past=True, costs=60,
    ),
]  # fmt: skip


def _http(method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> bytes:
    text = b"" if body is None else json.dumps(body).encode()
    told = {"Host": "127.0.0.1"}
    if body is not None:
        told |= {"Content-Type": "application/json", "Content-Length": str(len(text))}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {told[name]}" for name in told)]
    return "\r\n".join([*lines, "", ""]).encode() + text
