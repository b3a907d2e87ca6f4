"""Idempotency keys in the wrong hands: a stored answer is for its own path, order and body."""

from __future__ import annotations

import pytest

from orders.models import Order
from payments.models import Payment
from shop.models import IdempotencyKey
from tests.factories import ProductFactory, new_key, place
from tests.orders.story import fresh
from tests.security.census import nothing_changes
from tests.security.hand import kind, send

pytestmark = pytest.mark.django_db


def door(order: Order, last: str = "payments/") -> str:
    return f"/api/v1/orders/{order.public_id}/{last}"


@pytest.fixture
def key() -> str:
    return new_key()


def test_the_key_of_one_order_opens_nothing_of_another(guest, order, bank, key):
    other = place()
    answers = [send(guest, door(o), {"method": "qr"}, key=key) for o in (order, other)]
    assert [answer.status_code for answer in answers] == [201, 201]
    first, second = (answer.json()["reference"] for answer in answers)
    assert first != second
    assert Payment.objects.get(reference=second).intent.order_reference == other.number


def test_a_key_of_paying_does_not_answer_for_cancelling(guest, order, bank, key):
    send(guest, door(order), {"method": "qr"}, key=key)
    answer = send(guest, door(order, "cancel/"), key=key)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


def test_a_known_key_tells_nothing_at_an_order_that_is_not_there(guest, order, bank, key):
    send(guest, door(order), {"method": "qr"}, key=key)
    with nothing_changes(bank):
        answer = send(guest, f"/api/v1/orders/{'x' * 24}/payments/", {"method": "qr"}, key=key)
    assert kind(answer) == (404, "not-found")


def test_the_same_body_in_another_spelling_is_the_same_body(guest, bank, key):
    ProductFactory(sku="mug")
    plain = '{"email":"a@b.de","lines":[{"sku":"mug","quantity":1}]}'
    spaced = '{ "lines": [ {"quantity": 1, "sku": "m\\u0075g"} ], "email": "a@b.de" }'
    first = send(guest, "/api/v1/orders/", plain, key=key)
    with nothing_changes(bank):
        again = send(guest, "/api/v1/orders/", spaced, key=key)
    assert (again.status_code, again.json()) == (201, first.json())


@pytest.mark.parametrize(
    "body", ['{"method": "card"}', "{}", '{"method": "qr", "amount_minor": 1}']
)
def test_another_body_under_a_used_key_is_refused(guest, order, bank, key, body):
    send(guest, door(order), {"method": "qr"}, key=key)
    with nothing_changes(bank):
        assert kind(send(guest, door(order), body, key=key)) == (422, "idempotency-key-reused")


def test_a_refused_request_uses_no_key_up(guest, bank, key):
    ProductFactory(sku="mug")
    order = {"email": "a@b.de", "lines": [{"sku": "mug", "quantity": 100}]}
    with nothing_changes(bank):
        assert send(guest, "/api/v1/orders/", order, key=key).status_code == 400
    order["lines"] = [{"sku": "mug", "quantity": 1}]
    assert send(guest, "/api/v1/orders/", order, key=key).status_code == 201


def test_a_key_is_case_sensitive_and_nothing_in_it_is_a_pattern(guest, order, bank):
    keys = [
        "abcdefghijklmnop",
        "ABCDEFGHIJKLMNOP",
        "%%%%%%%%%%%%%%%%",
        "****************",
        "'\"\\;--/*_%[]{}<>",
    ]
    for number, name in enumerate(keys):
        answer = send(guest, door(place()), {"method": "qr"}, key=name)
        assert answer.status_code == 201, name
        assert IdempotencyKey.objects.count() >= number
    assert fresh(order).state == "unpaid"
