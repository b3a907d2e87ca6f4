"""Hundreds of bodies that a machine makes up, to every door that takes one: never a failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.models import Payment
from tests.factories import ProductFactory, place
from tests.orders.story import pay
from tests.security.conftest import with_token
from tests.security.hand import send

pytestmark = pytest.mark.django_db

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["mug", "qr", "redirect", "EUR", "a@b.de", 1, 99, 2**63, "\0", "\ud800", "１"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
#: A body that is right but for one field, which is anything.
RIGHT: dict[str, dict[str, Any]] = {
    "/api/v1/orders/": {
        "email": "a@b.de",
        "lines": [{"sku": "mug", "quantity": 1}],
        "currency": "EUR",
        "locale": "en",
        "delivery": "",
        "address": {"name": "Ada"},
    },
    "/api/v1/orders/{order}/payments/": {"method": "qr"},
    "/api/v1/orders/{order}/cancel/": {"reason": "x"},
    "/api/v1/payments/{payment}/refunds/": {
        "amount_minor": 1,
        "refunded_so_far_minor": 0,
        "reason": "x",
    },
    "/webhooks/sandbox/": {"id": "evt", "type": "payment.paid", "merchant": "payonce-test"},
}
PROMISED = {200, 201, 202, 400, 401, 404, 409, 415, 422, 429}


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    path = draw(st.sampled_from(sorted(RIGHT)))
    body = dict(RIGHT[path])
    for name in draw(st.lists(st.sampled_from([*body, "extra"]), min_size=1, max_size=2)):
        body[name] = draw(VALUES)
    text = json.dumps(draw(st.one_of(st.just(body), VALUES)))
    return path, draw(st.one_of(st.just(text.encode("utf-8")), st.binary(max_size=60)))


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=bodies())
def test_no_body_makes_a_door_fail(doors, told):
    path, body = told
    answer = send(doors["client"], path.format(**doors), body)
    assert answer.status_code in PROMISED, (path, body, answer.content)
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["type"].startswith("urn:payonce:problem:")


@pytest.fixture
def doors(bank, chief) -> dict[str, Any]:
    """Real ids, and somebody who may do everything."""
    ProductFactory(sku="mug", stock=10_000)
    order = place()
    pay(order)
    return {
        "client": with_token(chief),
        "order": order.public_id,
        "payment": Payment.objects.get().reference,
    }
