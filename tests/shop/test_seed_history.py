"""The demo's past: lived through at the bank, and as honest as any other day."""

import json
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from orders.models import Order
from payments.models import Notification, Payment, Reconciliation, Refund, ReviewCase
from shop import demo_history, outbox
from tests.bank import Bank

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def demo(bank: Bank, settings: Any) -> Bank:
    settings.DEMO = True
    call_command("seed", stdout=StringIO())
    return bank


def told() -> str:
    out = StringIO()
    call_command("seed_history", stdout=out)
    return out.getvalue()


def test_the_past_is_told_once_and_holds_every_invariant(demo):
    assert told() == "36 orders of the last days\n"
    assert told() == "0 orders of the last days\n"
    states = set(Order.objects.values_list("state", flat=True))
    assert states == {"paid", "cancelled"}
    assert Payment.objects.filter(state="surplus").count() == 1
    assert set(Refund.objects.values_list("state", flat=True)) == {"done"}
    kinds = ReviewCase.objects.values_list("kind", flat=True)
    assert sorted(kinds) == ["dispute", "shopper_says_paid"]
    oldest = timezone.now() - timedelta(days=demo_history.DAYS - 1)
    assert Payment.objects.filter(captured_at__lt=oldest).exists()
    assert Notification.objects.filter(result="asked").count() > 15
    days = Reconciliation.objects.values_list("missing_here", "missing_there", "differing")
    assert set(days) == {(0, 0, 0)}
    outbox.relay(now=timezone.now())
    out = StringIO()
    with suppress(SystemExit):
        call_command("audit", "--json", "--all-at-rest", stdout=out)
    assert json.loads(out.getvalue())["violations"] == []


def test_afterwards_the_banks_clock_is_right_and_it_speaks_again(demo, monkeypatch):
    monkeypatch.setattr(demo_history, "ORDERS", 1)
    told()
    assert demo.client.get("/faults").json()["lose_notification"] == 0
    order = Order.objects.get()
    assert order.placed_at < timezone.now() - timedelta(hours=2)
    assert demo.client.put("/clock", json={"seconds_behind": 0}).status_code == 200
    junk: list[object] = [{}, [], *({"seconds_behind": odd} for odd in (-1, True, "1"))]
    for body in junk:
        assert demo.client.put("/clock", json=body).status_code == 400


def test_a_shop_that_is_no_demo_has_no_invented_past(settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="demo alone"):
        told()
