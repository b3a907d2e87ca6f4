"""The budgets of statements: what one operation may cost, everything on."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from payments import asking, inbox, polling, recording
from payments.gateways.base import RawRequest
from payments.models import Payment
from tests.bank import Bank
from tests.buyer import Buyer
from tests.statements import counted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def buyer(bank: Bank) -> Buyer:
    call_command("seed", verbosity=0)
    return Buyer()


@pytest.mark.parametrize("lines", [1, 8])
def test_placing_an_order(buyer, lines):
    skus = [p["sku"] for p in buyer.client.get("/api/v1/products/").json()][:lines]
    body = {"email": "a@example.com", "lines": [{"sku": s, "quantity": 1} for s in skus]}
    with counted() as cost:
        placed = buyer.post("/api/v1/orders/", body)
    assert placed.status_code == 201
    assert (cost.queries <= 9, cost.round_trips <= 12, cost.write_commits) == (True, True, 1), cost


def test_starting_a_payment(buyer):
    order = buyer.order()
    with counted() as cost:
        started = buyer.pay(order)
    assert started.status_code == 201
    assert (cost.queries <= 10, cost.round_trips <= 14, cost.write_commits) == (True, True, 2), cost


def test_starting_again_while_one_is_live(buyer):
    order = buyer.order()
    buyer.pay(order)
    with counted() as cost:
        again = buyer.pay(order)
    assert again.status_code == 200
    assert cost.round_trips == 0, cost


def test_storing_a_notification(buyer, bank):
    reference = buyer.pay(buyer.order()).json()["reference"]
    delivery = RawRequest("POST", "/", "", *bank.notification(reference))
    with counted() as first:
        assert inbox.receive("sandbox", delivery, now=timezone.now())
    with counted() as repeated:
        assert not inbox.receive("sandbox", delivery, now=timezone.now())
    assert (first.queries, first.round_trips) == (1, 1), first
    assert repeated.queries <= 2, repeated


def test_recording_a_capture_with_the_orders_handler(buyer, bank):
    reference = buyer.pay(buyer.order()).json()["reference"]
    bank.pay(reference)
    payment = Payment.objects.get(reference=reference)
    answer = asking.query(payment, now=timezone.now())
    with counted() as cost:
        row = recording.record_outcome(
            reference=reference, outcome=answer.outcome, source="poll", now=answer.at
        )
    assert row.state == "captured"
    assert (cost.queries <= 10, cost.round_trips <= 14, cost.write_commits) == (True, True, 1), cost
    with counted() as repeated:
        recording.record_outcome(
            reference=reference, outcome=answer.outcome, source="poll", now=answer.at
        )
    assert (repeated.queries <= 2, repeated.round_trips <= 4, repeated.write_commits) == (
        True,
        True,
        0,
    ), repeated


def test_an_unchanged_status(buyer):
    order = buyer.order()
    path = f"/api/v1/orders/{order['public_id']}/status/"
    etag = buyer.client.get(path)["ETag"]
    with counted() as cost:
        same = buyer.client.get(path, HTTP_IF_NONE_MATCH=etag)
    assert same.status_code == 304
    assert cost.round_trips <= 1, cost


def test_a_poll_that_is_not_due_costs_one_statement(buyer):
    reference = buyer.pay(buyer.order()).json()["reference"]
    with counted() as cost:
        assert not polling.poll(reference, now=timezone.now() - timedelta(minutes=1))
    assert cost.queries == 1, cost
