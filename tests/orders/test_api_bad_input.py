"""Bodies that no shop page sends: refused in plain words, nothing written, never a 500."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from orders.models import Order
from shop.models import IdempotencyKey
from tests.factories import ProductFactory, new_key, place

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = "/api/v1/orders/"
SKU = "mug"


def send(body: bytes | str, content_type: str = "application/json", path: str = ORDERS):
    headers = {"Idempotency-Key": new_key()}
    return Client().post(path, body, content_type=content_type, headers=headers)


def order_of(quantity: str = "1", email: str = '"ada@example.com"', sku: str = '"mug"') -> str:
    return f'{{"email": {email}, "lines": [{{"sku": {sku}, "quantity": {quantity}}}]}}'


@pytest.fixture(autouse=True)
def good():
    return ProductFactory(sku=SKU, stock=5)


@pytest.fixture(autouse=True)
def nothing_changes(good):
    yield
    good.refresh_from_db()
    assert (good.stock_free, Order.objects.count(), IdempotencyKey.objects.count()) == (5, 0, 0)


@pytest.mark.parametrize(
    "quantity",
    [
        *("0", "-1", "0.1", "1.0", "1e3", '"1"', '"1 "', "2147483648", "9223372036854775808"),
        *("NaN", "Infinity", "true", "[1]", "{}", "null", '"１"', "9" * 5000, "-0.0", "1e999"),
    ],
)
def test_a_quantity_that_is_no_small_whole_number(quantity):
    assert send(order_of(quantity=quantity)).status_code == 400


@pytest.mark.parametrize(
    "email", ["true", "1", "null", "[]", '""', '"ada"', '"a@b\\u0000.com"', '"\\ud800@b.com"']
)
def test_an_address_that_is_none(email):
    assert send(order_of(email=email)).status_code == 400


def test_an_address_of_a_kilometre():
    assert send(order_of(email=json.dumps("a" * 300 + "@example.com"))).status_code == 400


@pytest.mark.parametrize("sku", ["1", "true", "null", '["mug"]', '""', '"m\\u0000"', '"nothing"'])
def test_a_sku_that_is_none(sku):
    assert send(order_of(sku=sku)).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"12",
        b"{",
        b'{"email": "ada@example.com", "lines": {}}',
        b'{"email": "ada@example.com", "lines": []}',
        b'{"email": "ada@example.com", "lines": ["mug"]}',
        b'{"email": "ada@example.com", "lines": [[]]}',
        b'{"email": "ada@example.com", "lines": [null]}',
        b'{"email": "ada@example.com"}',
        b'{"lines": [{"sku": "mug", "quantity": 1}]}',
        '{"email": "ada@example.com"}'.encode("utf-16"),
        b'{"email": "\xff\xfe"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"lines": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"email": "' + b"x" * 10_000_000 + b'"}',
        b"\x00" * 100,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_no_order(body):
    assert send(body).status_code in (400, 413)


def test_sixty_lines_are_more_than_an_order_has():
    lines = [{"sku": f"g{n}", "quantity": 1} for n in range(60)]
    assert send(json.dumps({"email": "ada@example.com", "lines": lines})).status_code == 400


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x/y"],
)
def test_a_foreign_content_type_is_refused_by_every_write(content_type):
    assert send(order_of(), content_type).status_code == 415


@pytest.mark.parametrize(
    "extra",
    [
        '"currency": "XXX"',
        '"currency": 1',
        '"locale": "tlh"',
        '"delivery": 1',
        '"delivery": "pigeon"',
        '"address": []',
        '"address": "street"',
        '"address": {"city": 1}',
        '"address": {"planet": "Mars"}',
        '"address": {"country": "DEU"}',
        '"price_minor": 1',
    ],
)
def test_an_extra_that_the_shop_does_not_offer(extra):
    assert send(order_of()[:-1] + f", {extra}}}").status_code == 400


class TestOnAnOrder:
    """The same strictness at the other writes."""

    @pytest.fixture(autouse=True)
    def good(self):
        return ProductFactory(sku=SKU, stock=5)

    @pytest.fixture(autouse=True)
    def nothing_changes(self):
        return None

    @pytest.mark.parametrize("door", ["payments/", "cancel/"])
    @pytest.mark.parametrize("body", [b"[]", b"{", b'{"amount_minor": 1}', b"[" * 100_000, b"NaN"])
    def test_a_bad_body_changes_nothing(self, door, body):
        order = place()
        answer = send(body, path=f"{ORDERS}{order.public_id}/{door}")
        assert answer.status_code == 400
        assert Order.objects.get(pk=order.pk).version == order.version

    @pytest.mark.parametrize("door", ["payments/", "cancel/"])
    def test_a_form_from_another_site_is_refused(self, door):
        order = place()
        answer = send(b'{"method": "qr"}', "text/plain", f"{ORDERS}{order.public_id}/{door}")
        assert answer.status_code == 415
        assert Order.objects.get(pk=order.pk).state == "unpaid"
