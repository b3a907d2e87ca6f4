"""A way to pay that asks who pays: told in the form or the API, kept with the request alone."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from payments.gateways.base import Capabilities
from payments.gateways.sandbox import SandboxGateway
from payments.models import Payment
from tests.factories import new_key, place
from tests.orders.story import pay
from tests.payments.conftest import forget_adapters

pytestmark = pytest.mark.django_db(transaction=True)
TAX_ID = "123.456.789-09"


class CuriousBank(SandboxGateway):
    """The same bank, which wants a tax number for its redirect."""

    def methods(self) -> Sequence[Capabilities]:
        return [
            replace(can, needs=("tax_id",)) if can.method == "redirect" else can
            for can in super().methods()
        ]


@pytest.fixture(autouse=True)
def curious_bank(bank: Any, settings: Any) -> Iterator[None]:
    settings.PAYMENT_GATEWAYS = copy.deepcopy(settings.PAYMENT_GATEWAYS)
    settings.PAYMENT_GATEWAYS["sandbox"]["adapter"] = f"{__name__}.CuriousBank"
    forget_adapters()
    yield
    forget_adapters()


def send(client: Client, order: Any, **body: Any) -> Any:
    path = f"/api/v1/orders/{order.public_id}/payments/"
    key = {"Idempotency-Key": new_key()}
    return client.post(path, body, content_type="application/json", headers=key)


def test_without_the_fact_nothing_is_begun(client):
    order = place()
    refused = send(client, order, method="redirect")
    assert (refused.status_code, refused.json()["missing"]) == (400, ["tax_id"])
    assert refused.json()["type"].endswith("payer-facts-missing")
    assert not Payment.objects.exists()


def test_the_fact_travels_with_the_stored_request_and_no_other_does(client):
    order = place()
    payer = {"tax_id": TAX_ID, "name": "Ada"}
    assert send(client, order, method="redirect", payer=payer).status_code == 201
    assert Payment.objects.get().request["payer"] == {"tax_id": TAX_ID}


def test_a_method_that_asks_nothing_takes_no_notice(client):
    assert send(client, place(), method="qr", payer={"tax_id": TAX_ID}).status_code == 201
    assert Payment.objects.get().request["payer"] == {}


@pytest.mark.parametrize(
    "payer", ["Ada", {"tax_id": 7}, {"shoe_size": "40"}, {"tax_id": "1" * 101}]
)
def test_what_is_no_fact_is_refused(client, payer):
    assert send(client, place(), method="redirect", payer=payer).status_code == 400
    assert not Payment.objects.exists()


def test_the_page_has_a_field_for_it_and_says_when_it_is_empty(client):
    order = place()
    page = f"/orders/{order.public_id}/"
    shown = client.get(page).content.decode()
    assert shown.count('name="tax_id"') == 1
    form = {"method": "redirect", "key": "k" * 24}
    said = client.post(f"{page}pay/", form, follow=True).content.decode()
    assert "needs more about who pays" in said
    assert 'aria-invalid="true"' in said
    assert not Payment.objects.exists()
    client.post(f"{page}pay/", form | {"tax_id": TAX_ID})
    assert Payment.objects.get().request["payer"] == {"tax_id": TAX_ID}


def test_a_second_click_needs_no_fact_again(client):
    order = place()
    first = pay(order, "redirect", payer={"tax_id": TAX_ID})
    assert pay(order, "redirect").payment.reference == first.payment.reference
