"""One purchase under a fault: what shopper, bank and staff do, and what the ledger says.

Everything goes through the shop's own doors. How it ended is read from the bank alone.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

from orders.models import Order
from payments import sweeping
from shop import books, outbox
from shop.models import User
from tests.bank import Bank
from tests.factories import new_key, place

#: Part of what an order costs, so that the bank would take a second one like it.
REFUNDED_MINOR = 700
#: Later than every lease and first poll, sooner than any payment's end.
STEP_SECONDS = 40


class Scene:
    """An order, its shopper, the bank's ledger; the bank tells us nothing unless asked to."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self._known = {p["reference"] for p in bank.payments()}
        self.still()
        self.order = place()
        self.reference = ""
        self.shopper = Client(raise_request_exception=False)
        headers = {"Authorization": f"Token {refunders_token()}"}
        self.staff = Client(raise_request_exception=False, headers=headers)

    # --- what people and the bank do; the answer's status, or 0 when there was none ---------------

    def starts(self, method: str = "qr", key: str = "") -> Any:
        answer = self._post(f"{self._api}payments/", {"method": method}, key)
        if answer.status_code in (200, 201):
            self.reference = answer.json()["reference"]
        return answer

    def pays(self, reference: str = "") -> None:
        """The shopper's phone."""
        answer = self.bank.pay(reference or self.reference)
        assert answer.status_code == 200, answer.text

    def checks(self) -> Any:
        """The shopper presses "I have paid"."""
        return self.shopper.post(f"/orders/{self.order.public_id}/check/")

    def notifies(
        self, reference: str = "", kind: str = "payment.paid", event: str = "", refund: str = ""
    ) -> Any:
        """The bank delivers a genuine notification."""
        signed = self.bank.notification(reference or self.reference, kind, event, refund)
        return self.delivers(*signed)

    def delivers(self, headers: dict[str, str], body: bytes) -> Any:
        """This notification comes to the shop's door."""
        headers = dict(headers)
        content_type = headers.pop("content-type")
        return self.shopper.post(
            "/webhooks/sandbox/", body, content_type=content_type, headers=headers
        )

    def cancels(self, key: str = "") -> Any:
        return self._post(f"{self._api}cancel/", {}, key)

    def refunds(self, so_far: int = 0, key: str = "", amount: int = REFUNDED_MINOR) -> Any:
        told = {"amount_minor": amount, "refunded_so_far_minor": so_far, "reason": "broken mug"}
        path = f"/api/v1/payments/{self.reference}/refunds/"
        return self._post(path, told, key, client=self.staff)

    def becomes_payable(self, method: str = "qr") -> None:
        """The shopper presses again until the page shows something to pay."""
        answer = self.starts(method)
        assert answer.status_code in (200, 201), answer.content
        if answer.json()["presentation"] is None:
            self.rests()
            assert self.starts(method).json()["presentation"] is not None

    def is_paid(self, method: str = "qr") -> None:
        """Opened, paid at the bank, and found out."""
        self.starts(method)
        self.pays()
        self.rests()
        assert self.state == "paid"

    # --- time passes ------------------------------------------------------------------------------

    def rests(self, rounds: int = 3) -> None:
        """Whatever is due by its row is done, as the worker does it, until nothing is."""
        for step in range(1, rounds + 1):
            sweeping.sweep(now=timezone.now() + timedelta(seconds=STEP_SECONDS * step))
            outbox.relay(now=timezone.now() + timedelta(seconds=STEP_SECONDS * step))

    def sweeps(self, seconds: float = STEP_SECONDS) -> int:
        """The worker's next run; 0 when the database did not let it, 200 otherwise."""
        try:
            sweeping.sweep(now=timezone.now() + timedelta(seconds=seconds))
        except DatabaseError:
            connection.close()
            return 0
        return 200

    def reconciles(self, *, dry_run: bool = False) -> list[Any]:
        """The day is compared with the bank's statement, and what carries our name is adopted."""
        now = timezone.now()
        return books.reconcile_day(now.date(), now=now, dry_run=dry_run)

    def still(self, **knobs: Any) -> None:
        """The bank's switches; its own notifications would come at no certain time."""
        self.bank.faults(lose_notification=1.0, **knobs)

    # --- how it ended, by the bank's ledger -------------------------------------------------------

    @property
    def references(self) -> list[str]:
        """Every payment that the bank opened since this purchase began."""
        return [p["reference"] for p in self.bank.payments() if p["reference"] not in self._known]

    @property
    def movements(self) -> list[tuple[str, int]]:
        references = self.references
        rows = self.bank.ledger(*references) if references else []
        return [(row["kind"], row["amount_minor"]) for row in rows]

    @property
    def state(self) -> str:
        return str(Order.objects.get(pk=self.order.pk).state)

    def ended(self, end: str) -> None:
        """The ledger shows exactly what this end of the matrix means."""
        total = self.order.total_minor
        ledger = {
            "1": [("charge", total)],
            "0": [],
            "503": [],
            "1x": [("charge", total), ("charge", total), ("refund", total)],
            "Rf": [("charge", total), ("refund", REFUNDED_MINOR)],
        }
        assert self._moved(len(ledger[end])) == ledger[end]
        if end in ("1", "1x", "Rf"):
            assert self.state == "paid"

    def _moved(self, count: int) -> list[tuple[str, int]]:
        """The bank's refunds take a moment of its own."""
        deadline = time.monotonic() + 10
        while len(self.movements) < count and time.monotonic() < deadline:
            self.rests(1)
            time.sleep(0.05)
        return self.movements

    # --- helpers ----------------------------------------------------------------------------------

    @property
    def _api(self) -> str:
        return f"/api/v1/orders/{self.order.public_id}/"

    def _post(
        self, path: str, body: dict[str, Any], key: str = "", client: Client | None = None
    ) -> Any:
        headers = {"Idempotency-Key": key or new_key()}
        who = client or self.shopper
        answer = who.post(path, json.dumps(body), content_type="application/json", headers=headers)
        # Outside of tests a request's end gives its connection back; a broken one is thrown away.
        if answer.status_code >= 500:
            connection.close()
        return answer


def refunders_token() -> str:
    """The token of a member of the staff who may refund."""
    person, new = User.objects.get_or_create(username="refunder", is_staff=True)
    if new:
        right = Permission.objects.get(
            content_type__app_label="payments", codename="refund_payment"
        )
        person.user_permissions.add(right)
    key: str = Token.objects.get_or_create(user=person)[0].key
    return key
