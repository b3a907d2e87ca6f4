"""The sandbox adapter of a test's bank, and what it is asked to do."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways.sandbox import SandboxGateway
from tests.bank import Bank
from tests.simulator.merchant import new_reference


def gateway_of(bank: Bank, **changes: Any) -> SandboxGateway:
    settings: dict[str, Any] = {
        "base_url": bank.url,
        "public_url": bank.url,
        "merchant": bank.merchant,
        "api_key": bank.api_key,
        "signing_secret": bank.signing_secret,
        "webhook_secrets": (bank.webhook_secret,),
    }
    return SandboxGateway(**(settings | changes))


def wish(method: str = "qr", **changes: Any) -> base.CreateRequest:
    fields: dict[str, Any] = {
        "reference": new_reference(),
        "order_reference": "PO-1042",
        "method": method,
        "amount_minor": 2500,
        "currency": "EUR",
        "subject": "Order 1042",
        "created_at": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + timedelta(minutes=15),
        "notify_url": "http://127.0.0.1:9/webhooks/sandbox/",
        "return_url": "http://127.0.0.1:8000/orders/abc/",
        "locale": "en",
    }
    return base.CreateRequest(**(fields | changes))


def named(request: base.CreateRequest, transaction_id: str = "") -> base.PaymentRef:
    return base.PaymentRef(
        request.reference, request.method, request.created_at, transaction_id=transaction_id
    )


def paid(bank: Bank, gateway: SandboxGateway) -> base.PaymentRef:
    request = wish()
    gateway.create(request)
    bank.pay(request.reference)
    capture = gateway.query(named(request)).captures[0]
    return named(request, capture.transaction_id)


def giving_back(payment: base.PaymentRef, amount_minor: int) -> base.RefundRequest:
    return base.RefundRequest(
        new_reference(), payment, amount_minor, "EUR", "sent back", datetime.now(UTC)
    )


class Impostor:
    """Answers one connection with given bytes and hangs up."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=5)
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(65_536)
            try:
                connection.sendall(self._answer)
            except OSError:
                return  # the client had read enough
