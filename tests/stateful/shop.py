"""The shop as a story's people use it: every deed goes through the real services.

Each story is one database transaction that is rolled back; marked as a test's own, it lets
the services open their durable ones inside. Redis is away for all of it: the database must
decide alone. The power can be cut at every named point and at each call to the bank.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction

from orders import services as orders
from orders import sweeps
from payments import asking, asking_refunds, breaker, inbox, polling, registry, reviews, sweeping
from payments import services as payments
from payments.gateways import base
from payments.models import Payment, ReviewCase
from payments.reconciliation import adopt, movements
from shop import courtesy, failpoints, outbox
from shop.books import owed
from shop.idempotency import Replay
from shop.problems import Problem
from tests.factories import place
from tests.stateful import hearing
from tests.stateful.clock import BEGINNING
from tests.stateful.gateway import LIFETIMES, SCRIPT, SIGNATURE, Fate, PowerCut

#: Above it a second person approves: a piece costs 19.99, so that two pieces wait.
APPROVAL_LIMIT_MINOR = 2500


class Shop:
    """What shoppers, staff, workers and the bank's notifications do."""

    def __init__(self) -> None:
        self.troubles: list[str] = []
        self.cut_at = ""
        self.power_cuts = 0

    @property
    def now(self) -> datetime:
        return SCRIPT.clock.now

    def does(self, deed: Callable[[], Any], fates: Sequence[Fate] = (), cut_at: str = "") -> Any:
        """The deed's answer; None when the shop refused in words or the power was cut."""
        SCRIPT.fates, self.cut_at = list(fates), cut_at
        try:
            return deed()
        except PowerCut:
            self.power_cuts += 1
        except (Problem, Replay, hearing.Stumble, base.Unknown):
            return None
        finally:
            SCRIPT.fates, self.cut_at, SCRIPT.meanwhile = [], "", None
        return None

    def known_references(self) -> set[str]:
        return set(Payment.objects.values_list("reference", flat=True))

    # --- shoppers -------------------------------------------------------------------------

    def place(self, product: Any, quantity: int) -> Any:
        return place((product, quantity), now=self.now)

    def start(self, order: Any, method: str) -> payments.Started:
        return orders.pay_order(public_id=order.public_id, method=method, claim=None, now=self.now)

    def cancel(self, order: Any) -> None:
        orders.cancel_order(public_id=order.public_id, now=self.now)

    def says_paid(self, order: Any) -> None:
        orders.check_order(public_id=order.public_id, now=self.now)

    # --- staff ----------------------------------------------------------------------------

    def refund(self, payment: str, amount_minor: int, seen_minor: int, retry_of: str = "") -> Any:
        return payments.refund_payment(
            payment_reference=payment,
            amount_minor=amount_minor,
            refunded_so_far_minor=seen_minor,
            reason="broken",
            actor="ada",
            claim=None,
            now=self.now,
            retry_of=retry_of,
        )

    def resolves(self, refund: str) -> None:
        """A person closes the case of a failed refund whose money went back otherwise."""
        grace, _ = get_user_model().objects.get_or_create(username="grace", is_superuser=True)
        open_cases = ReviewCase.objects.filter(subject=refund, resolved_at=None)
        for case_id in open_cases.values_list("pk", flat=True):
            reviews.resolve(case_id=case_id, person=grace, reason="sent otherwise", now=self.now)

    def approve(self, refund: str, amount_minor: int) -> Any:
        return payments.approve_refund(
            reference=refund, amount_minor=amount_minor, actor="grace", now=self.now
        )

    # --- workers --------------------------------------------------------------------------

    def sweep(self) -> None:
        sweeping.sweep(now=self.now)

    def poll(self, payment: str) -> None:
        polling.poll(payment, now=self.now)

    def sweep_orders(self) -> None:
        sweeps.expire_unpaid_orders(now=self.now)
        sweeps.refresh_paying_orders(now=self.now)

    def relay(self) -> None:
        outbox.relay(now=self.now)

    def reconcile(self) -> None:
        """Every day's statement against our rows."""
        days = (self.now.date() - BEGINNING.date()).days
        for movement in [m for n in range(days + 1) for m in movements(day_of(n))]:
            adopt(movement, owed=owed, now=self.now)

    # --- the bank's notifications ----------------------------------------------------------

    def hears(self, hint: base.NotificationHint, signature: str = SIGNATURE) -> list[int]:
        body = json.dumps(asdict(hint)).encode()
        request = base.RawRequest("POST", "/", "", {"signature": signature}, body)
        return inbox.receive("scripted", request, now=self.now)

    def follows(self, notes: list[int]) -> None:
        for note in notes:
            inbox.process(note, now=self.now)


def day_of(number: int) -> date:
    return BEGINNING.date() + timedelta(days=number)


@contextmanager
def scripted(settings: Any) -> Iterator[None]:
    """The shop's gateway is the bank in memory, which has forgotten everything."""
    settings.PAYMENT_GATEWAYS = {
        "scripted": {"adapter": "tests.stateful.gateway.ScriptedGateway", "options": {}}
    }
    settings.PAYMENT_METHODS = {m: ("scripted", m) for m in LIFETIMES}
    SCRIPT.restart()
    _forget_adapters()
    yield
    _forget_adapters()


@contextmanager
def opened(shop: Shop, settings: Any) -> Iterator[None]:
    """The shop over the bank in memory, with the story's clock and no Redis."""
    settings.OUTBOX_SUBSCRIBERS = hearing.SUBSCRIBERS
    settings.REFUND_APPROVAL_LIMIT_MINOR = {"EUR": APPROVAL_LIMIT_MINOR}
    settings.ORDER_LIFETIME = timedelta(hours=2)
    settings.NEW_PAYMENTS_PER_MINUTE = 1000  # its own tests count starts; here they are wanted

    def reach(point: str) -> None:
        if point == shop.cut_at:
            raise PowerCut

    class Log:
        def exception(self, event: str, **known: Any) -> None:
            error = sys.exc_info()[1]
            if not isinstance(error, hearing.Stumble):
                shop.troubles.append(f"{event} {known} {error!r}")

    with scripted(settings), pytest.MonkeyPatch.context() as patch:
        for module in (asking, asking_refunds, sweeping, breaker, sweeps):
            patch.setattr(module, "time", SCRIPT.clock)
        patch.setattr(failpoints, "reach", reach)
        patch.setattr(sweeping, "log", Log())
        patch.setattr(outbox, "log", Log())
        patch.setattr(courtesy.pause, "active", lambda: True)
        yield


def _forget_adapters() -> None:
    registry.gateway.cache_clear()
    registry.capabilities.cache_clear()
    breaker.breaker.cache_clear()


class Story:
    """One example's transaction."""

    def __enter__(self) -> None:
        self._atomic = transaction.atomic()
        # As django.test.TestCase marks its own: durable blocks may open inside.
        self._atomic._from_testcase = True  # type: ignore[attr-defined]
        self._atomic.__enter__()
        SCRIPT.restart()
        hearing.Trouble.left = 0

    def __exit__(self, *_: object) -> None:
        transaction.set_rollback(True)
        self._atomic.__exit__(None, None, None)
