"""Staff look at orders, fast; nobody changes one there, not even a superuser."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from orders.models import Order
from tests.factories import ProductFactory, place

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chief() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("chief", "c@example.com", "x"))
    return client


def address(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def test_the_list_finds_an_order_by_number_public_id_and_email(chief):
    order = place()
    place()
    for asked in (order.number, order.public_id):
        page = chief.get(reverse("admin:orders_order_changelist"), {"q": asked})
        assert page.context["cl"].result_count == 1


def test_the_page_shows_lines_and_history(chief):
    order = place((ProductFactory(sku="mug"), 2))
    page = chief.get(address(order)).content.decode()
    assert "mug" in page
    assert "unpaid" in page


def test_nothing_can_be_changed_or_deleted(chief):
    order = place()
    changed = chief.post(address(order), {"state": "paid", "total_minor": 1})
    deleted = chief.post(reverse("admin:orders_order_delete", args=[order.pk]), {"post": "yes"})
    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert Order.objects.get().state == "unpaid"


@pytest.mark.parametrize("name", ["order", "invoice", "stockmovement", "product", "deliveryoption"])
def test_a_list_costs_the_same_for_one_row_and_for_thirty(
    chief, name, django_assert_max_num_queries
):
    for _ in range(30):
        place()
    with django_assert_max_num_queries(12):
        assert chief.get(reverse(f"admin:orders_{name}_changelist")).status_code == 200
