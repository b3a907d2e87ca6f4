"""Facts that come late: an order follows what is true now, not what a message says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from orders import outcomes, services
from payments import polling
from payments.models import Payment
from shop import outbox
from shop.models import OutboxMessage
from tests.factories import ProductFactory, place
from tests.orders.story import fresh, late_money, pay, refund, stock, wait_for_refunds

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def deaf(name: str) -> Iterator[None]:
    """Orders fail to hear of this: its fact waits in the outbox."""

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("orders are out of order")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcomes, name, fails)
        yield


def relay() -> None:
    outbox.relay(now=timezone.now() + timedelta(hours=1))
    assert not OutboxMessage.objects.filter(done_at=None, topic__startswith="Payment").exists()


def capture(bank, reference: str) -> None:
    bank.faults(lose_notification=1.0)
    bank.pay(reference)
    polling.ask_now(reference, now=timezone.now(), source="poll")
    assert Payment.objects.get(reference=reference).state == "captured"


def test_a_capture_heard_after_its_refund_leaves_the_order_refunded(bank):
    order = place()
    reference = pay(order).payment.reference
    with deaf("money_came"):
        capture(bank, reference)
        refund(reference, order.total_minor, 0)
        wait_for_refunds(order)
    relay()
    assert (bank.net(reference), fresh(order).state) == (0, "refunded")


def test_an_end_heard_after_the_next_start_does_not_cancel_a_live_order(bank):
    good = ProductFactory(stock=5)
    order = place((good, 1))
    first = pay(order).payment.reference
    with deaf("attempts_ended"):
        bank.decline(first)
        polling.ask_now(first, now=timezone.now(), source="poll")
    second = pay(order, "redirect").payment.reference
    assert services.cancel_order(public_id=order.public_id, now=timezone.now()).state == "paying"
    relay()
    assert (fresh(order).state, stock(good)) == ("paying", (4, 1, 0))
    late_money(bank, order, second)
    assert fresh(order).state == "paid"
