"""The shopper's API as other programs see it: fields, codes, repeats, headers."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from orders import services
from orders.models import Order
from shop.idempotency import Claim, fingerprint
from shop.models import IdempotencyKey
from tests.factories import DeliveryFactory, ProductFactory, new_key, place
from tests.orders.races import at_once
from tests.orders.story import fresh, paid_order, pay

pytestmark = pytest.mark.django_db(transaction=True)

PLACED = {
    "public_id",
    "number",
    "state",
    "total_minor",
    "currency",
    "tax_minor",
    "delivery_minor",
    "placed_at",
    "expires_at",
    "payment_methods",
    "payments",
}
PAYMENT = {
    "reference",
    "gateway",
    "method",
    "state",
    "amount_minor",
    "currency",
    "refunded_minor",
    "settles",
    "presentation",
}


def post(path: str, body: Any = None, *, key: str | None = None, **extra: Any):
    data = body if isinstance(body, (bytes, str)) else json.dumps({} if body is None else body)
    headers = {"Idempotency-Key": key or new_key()}
    return Client().post(path, data, content_type="application/json", headers=headers, **extra)


def wish(good, quantity=1, **more):
    return {
        "email": "ada@example.com",
        "lines": [{"sku": good.sku, "quantity": quantity}],
        **more,
    }


def at(order: Order, door: str = "") -> str:
    return f"/api/v1/orders/{order.public_id}/{door}"


def test_the_catalogue_is_a_bare_array_in_one_currency():
    good = ProductFactory(stock=7, prices={"EUR": 1999, "JPY": 300})
    ProductFactory(prices={"USD": 5})
    listed = Client().get("/api/v1/products/").json()
    assert listed == [
        {
            "sku": good.sku,
            "title": good.title,
            "price_minor": 1999,
            "currency": "EUR",
            "available": 7,
        }
    ]
    assert Client().get("/api/v1/products/?currency=JPY").json()[0]["price_minor"] == 300
    assert Client().get("/api/v1/products/?currency=DOGE").status_code == 400


def test_placing_answers_with_the_order_and_the_ways_to_pay():
    answer = post("/api/v1/orders/", wish(ProductFactory(), 2))
    body = answer.json()
    assert (answer.status_code, set(body)) == (201, PLACED)
    assert (body["state"], body["total_minor"], body["payments"]) == ("unpaid", 3998, [])
    assert {m["method"] for m in body["payment_methods"]} == {"qr", "redirect", "card"}
    assert set(body["payment_methods"][0]) == {"method", "title", "gateway"}
    assert Client().get(f"/api/v1/orders/{body['public_id']}/").json() == body


def test_no_cookie_is_set_and_nothing_is_stored_on_the_way():
    answer = post("/api/v1/orders/", wish(ProductFactory()))
    assert not answer.cookies
    assert "no-store" in answer["Cache-Control"]


def test_prices_totals_and_states_from_the_client_are_refused():
    body = wish(ProductFactory(), total_minor=1, state="paid")
    answer = post("/api/v1/orders/", body)
    assert answer.status_code == 400
    assert not Order.objects.exists()


def test_delivery_address_currency_and_language_may_be_named():
    DeliveryFactory(prices={"JPY": 800})
    good = ProductFactory(prices={"JPY": 2980})
    body = wish(good, currency="JPY", locale="de", delivery="standard", address={"city": "Kyoto"})
    answer = post("/api/v1/orders/", body)
    assert answer.json()["total_minor"] == 3780
    assert Order.objects.get().address == {"city": "Kyoto"}


def test_a_repeat_with_the_same_key_gets_the_same_answer():
    good, key = ProductFactory(), new_key()
    first = post("/api/v1/orders/", wish(good), key=key)
    again = post("/api/v1/orders/", wish(good), key=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert post("/api/v1/orders/", wish(good, 2), key=key).status_code == 422
    assert Order.objects.count() == 1


def test_a_write_without_a_key_is_refused():
    answer = Client().post("/api/v1/orders/", "{}", content_type="application/json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"].endswith("idempotency-key-missing")


@pytest.mark.parametrize("key", ["short", "x" * 129, "sixteen chars öö", "with space in it"])
def test_a_malformed_key_is_refused(key):
    assert post("/api/v1/orders/", wish(ProductFactory()), key=key).status_code == 400


def test_what_cannot_be_had_is_a_conflict_and_leaves_nothing():
    good = ProductFactory(stock=1)
    answer = post("/api/v1/orders/", wish(good, 2))
    assert (answer.status_code, answer.json()["sku"]) == (409, good.sku)
    assert (Order.objects.count(), IdempotencyKey.objects.count()) == (0, 0)


def test_paying_opens_one_payment_and_the_same_one_again(bank):
    order = place()
    first = post(at(order, "payments/"), {"method": "qr"})
    again = post(at(order, "payments/"), {"method": "qr"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert set(first.json()) == PAYMENT
    assert first.json()["reference"] == again.json()["reference"]
    assert first.json()["presentation"]["kind"] == "qr"
    assert [p["reference"] for p in Client().get(at(order)).json()["payments"]] == [
        first.json()["reference"]
    ]


def test_forty_clicks_with_forty_keys_open_one_payment(bank):
    order = place()
    results = at_once([partial(post, at(order, "payments/"), {"method": "qr"})] * 40)
    assert sorted(r.status_code for r in results) == [200] * 39 + [201]
    assert len({r.json()["reference"] for r in results}) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"method": "qr", "amount_minor": 1},
        {"method": "qr", "currency": "USD"},
        {"method": True},
        {"method": ["qr"]},
        {"method": None},
        {},
        {"method": "pigeon"},
    ],
)
def test_a_pay_body_with_more_or_other_than_a_method_is_refused(bank, body):
    order = place()
    assert post(at(order, "payments/"), body).status_code == 400
    assert services.show_order(order.public_id)["payments"] == []
    assert bank.payments() == []


def test_a_paid_order_takes_neither_payment_nor_cancel(bank):
    order = paid_order(bank)
    for door, body in (("payments/", {"method": "qr"}), ("cancel/", {})):
        answer = post(at(order, door), body)
        assert answer.status_code == 409
        assert answer.json()["type"].endswith("order-already-paid")
    assert len(bank.ledger()) == 1


def test_cancelling_answers_cancelled_and_repeats_it(bank):
    order, key = place(), new_key()
    pay(order)
    first = post(at(order, "cancel/"), key=key)
    again = post(at(order, "cancel/"), key=key)
    assert [(a.status_code, a.json()["state"]) for a in (first, again)] == [(200, "cancelled")] * 2
    closed = post(at(order, "payments/"), {"method": "qr"})
    assert (closed.status_code, closed.json()["type"].split(":")[-1]) == (409, "order-closed")


def test_cancelling_what_may_still_be_paid_is_accepted_only(bank):
    order = place()
    pay(order, "redirect")
    answer = post(at(order, "cancel/"))
    assert (answer.status_code, answer.json()["state"]) == (202, "paying")


def test_the_status_has_a_strong_etag_and_is_not_sent_twice(bank):
    order = place()
    first = Client().get(at(order, "status/"))
    assert first.json()["state"] == "unpaid"
    assert first["ETag"].startswith('"')
    same = Client().get(at(order, "status/"), headers={"If-None-Match": first["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    pay(order)
    changed = Client().get(at(order, "status/"), headers={"If-None-Match": first["ETag"]})
    assert (changed.status_code, changed.json()["state"]) == (200, "paying")


@pytest.mark.parametrize("door", ["", "status/", "payments/", "cancel/"])
def test_malformed_and_absent_ids_look_the_same(door):
    ids = ["x" * 24, "1", "%00", "9" * 25, "..%2f", "ä", "x" * 24 + "/more", "' OR 1=1"]
    bodies = {"payments/": {"method": "qr"}, "cancel/": {}}
    send = partial(post, body=bodies[door]) if door in bodies else Client().get
    answers = [send(f"/api/v1/orders/{public_id}/{door}") for public_id in ids]
    assert {a.status_code for a in answers} == {404}
    assert len({a.content for a in answers}) == 1
    assert {a["Content-Type"] for a in answers} == {"application/problem+json"}


def test_wrong_guesses_are_limited_and_right_ones_are_not(settings):
    settings.LOOKUP_MISSES_PER_MINUTE = 20
    order = place()
    codes = [Client().get(f"/api/v1/orders/{'x' * 24}/").status_code for _ in range(25)]
    assert codes == [404] * 20 + [429] * 5
    assert Client().get(at(order)).status_code == 200
    limited = Client().get(f"/api/v1/orders/{'y' * 24}/status/")
    assert int(limited["Retry-After"]) > 0


@pytest.mark.parametrize("door", ["payments/", "cancel/"])
def test_a_key_in_flight_is_a_conflict_and_a_dead_ones_request_resumes(bank, door):
    order, key = place(), new_key()
    body = {"method": "qr"} if door == "payments/" else {}
    claim = Claim(f"POST {at(order, door)}", key, fingerprint(body))
    with transaction.atomic():
        claim.take(now=timezone.now())
    busy = post(at(order, door), body, key=key)
    assert (busy.status_code, int(busy["Retry-After"]) > 0) == (409, True)
    IdempotencyKey.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert post(at(order, door), body, key=key).status_code in (200, 201)


def test_one_key_at_two_orders_is_two_operations(bank):
    key, orders = new_key(), [place(), place()]
    answers = [post(at(order, "payments/"), {"method": "qr"}, key=key) for order in orders]
    assert [a.status_code for a in answers] == [201, 201]
    assert len({a.json()["reference"] for a in answers}) == 2


def test_twenty_cancels_with_one_key_cancel_once(bank):
    order, key = place(), new_key()
    pay(order)
    results = at_once([partial(post, at(order, "cancel/"), key=key)] * 20)
    assert {r.status_code for r in results} <= {200, 409}
    assert post(at(order, "cancel/"), key=key).json()["state"] == "cancelled"


def test_the_wrong_verb_changes_nothing():
    order = place()
    assert Client().get(at(order, "cancel/")).status_code == 405
    assert Client().get(at(order, "payments/")).status_code == 405
    assert Client().put(at(order)).status_code == 405
    assert fresh(order).state == "unpaid"


def test_the_schema_and_its_page_are_served():
    schema = Client().get("/api/schema/", headers={"Accept": "application/json"}).json()
    assert "/api/v1/orders/{public_id}/payments/" in schema["paths"]
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    assert b"<script>" not in page.content
