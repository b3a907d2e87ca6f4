"""The authorisation table, asked line by line; and rights that end at once."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.http import Http404, HttpResponse
from django.test import Client
from django.urls import path as address
from django.utils import timezone

from orders.models import DeliveryOption, Order
from payments import inbox
from payments.gateways.base import RawRequest
from payments.models import Payment, Reconciliation, Refund, ReviewCase
from payments.models.desk import ReviewKind
from payments.references import new_reference
from shop import outbox
from shop.roles import ROLES, ensure_roles
from tests.factories import DeliveryFactory, new_key
from tests.orders.story import refund
from tests.security.conftest import signed_in, staff, with_token
from tests.security.rights import VISITORS, Door, door_of
from tests.security.routes import address_of, every_route, junk

pytestmark = pytest.mark.django_db
#: These are about a refund that waits for a person, and of which kind.
WAITING = {
    "admin/desk/refunds/<str:reference>/decide/": "staff",
    "admin/desk/refunds/<str:reference>/transfer/": "manual",
}


@pytest.fixture
def world(paid: Order, bank: Any) -> Payment:
    """One of everything that the admin shows."""
    payment = Payment.objects.get()
    outbox.relay(now=timezone.now())
    refund(payment.reference, 100, 0)
    outbox.relay(now=timezone.now() + timedelta(seconds=60))
    delivery = RawRequest("POST", "/", "", *bank.notification(payment.reference))
    inbox.receive("sandbox", delivery, now=timezone.now())
    ReviewCase.objects.create(kind=ReviewKind.CONTRADICTION, subject="x", opened_at=timezone.now())
    Reconciliation.objects.create(
        gateway="sandbox", day=timezone.now().date(), ran_at=timezone.now()
    )
    DeliveryFactory()
    Group.objects.create(name="packers")
    for kind, actor in (("staff", "somebody"), ("manual", "")):
        Refund.objects.create(
            reference=new_reference(timezone.now()),
            payment=payment,
            kind=kind,
            amount_minor=1,
            currency="EUR",
            reason="x",
            actor=actor,
            created_at=timezone.now(),
        )
    return payment


def visitors(chief: Any) -> list[Client]:
    looks = Permission.objects.filter(codename__startswith="view_")
    viewer = staff("viewer")
    viewer.user_permissions.set(looks)
    refunder = staff("refunder", "payments.refund_payment", "payments.view_payment")
    guest = Client(raise_request_exception=False)
    ensure_roles()
    people = [staff("clerk"), viewer, refunder, chief]
    for role in ROLES:
        people.append(staff(role))
        people[-1].groups.add(Group.objects.get(name=role))
    return [guest, *(signed_in(person) for person in people)]


def ask(client: Client, door: Door, path: str) -> int:
    headers = {"Idempotency-Key": new_key()}
    answer = client.generic(
        door.verb, path, door.body, content_type="application/json", headers=headers
    )
    return answer.status_code


def id_in_the_admin(route: str) -> str:
    """The newest row of the model that an admin address is about."""
    parts = route.split("/")
    if parts[0] != "admin" or "<path:object_id>" not in route or parts[1] == "r":
        return "0"
    newest = apps.get_model(parts[1], parts[2])._default_manager.order_by("-pk").first()
    return "1" if newest is None else str(newest.pk)


def test_every_address_has_a_row_in_the_table():
    assert [route for route in every_route() if door_of(route) is None] == []


def test_a_new_address_without_a_row_is_found(settings):
    """The table is complete because what is not in it fails, wherever it was added."""

    def nowhere(*args: Any, **kwargs: Any) -> HttpResponse:
        raise Http404

    class WithTwoMore:
        urlpatterns = [
            *import_module(settings.ROOT_URLCONF).urlpatterns,
            address("orders/<str:public_id>/gift/", nowhere),
            address("admin/payments/dispute/", nowhere),
        ]

    known = set(every_route())
    settings.ROOT_URLCONF = WithTwoMore
    added = set(every_route()) - known
    assert added == {"orders/<str:public_id>/gift/", "admin/payments/dispute/"}
    assert [route for route in added if door_of(route) is not None] == []


def test_each_visitor_gets_the_answer_of_the_table(world, paid, chief):
    clients = visitors(chief)
    told = {
        "number": paid.number,
        "case_id": str(ReviewCase.objects.get().pk),
        "reconciliation_id": str(Reconciliation.objects.get().pk),
        "public_id": paid.public_id,
        "rest": f"{paid.public_id}/nothing/",
        "reference": world.reference,
        "gateway": "sandbox",
        "label": "CN-000001",
        "id": str(chief.pk),
        "content_type_id": "999999",
    }
    routes = sorted(every_route(), key=lambda route: "logout" in route)
    differing = []
    for route in routes:
        door = door_of(route)
        if door is None:
            continue  # the test above tells
        more = {"object_id": id_in_the_admin(route)}
        if kind := WAITING.get(route):
            more["reference"] = Refund.objects.get(kind=kind, state="requested").reference
        path = address_of(route, {**told, **more})
        found = tuple(ask(client, door, path) for client in clients)
        if found != door.answers:
            differing.append(f"{door.verb} {path}: {dict(zip(VISITORS, found, strict=True))}")
    assert not differing, "\n".join(differing)
    assert DeliveryOption.objects.exists()


def test_the_admin_sends_strangers_to_its_sign_in_and_nowhere_else(guest, world):
    for route in every_route():
        if route.startswith("admin/") and "login" not in route:
            answer = guest.get(address_of(route, junk("1")))
            assert answer.status_code == 302
            assert answer["Location"].startswith(("/admin/login/", "/admin/", "/orders/"))


def refund_body(so_far: int = 0) -> dict[str, Any]:
    asked = {"amount_minor": 100, "refunded_so_far_minor": so_far, "reason": "broken"}
    return {"data": json.dumps(asked), "content_type": "application/json"}


@pytest.mark.parametrize("enter", [signed_in, with_token])
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"is_active": False}, {401, 403}),
        ({"is_staff": False}, {403}),
    ],
)
def test_who_is_no_longer_staff_is_refused_with_the_next_request(paid, bank, enter, change, status):
    person = staff("leaver", "payments.refund_payment")
    client = enter(person)
    reference = Payment.objects.get().reference
    path = f"/api/v1/payments/{reference}/refunds/"
    first = client.post(path, **refund_body(), headers={"Idempotency-Key": new_key()})
    assert first.status_code == 201
    type(person).objects.filter(pk=person.pk).update(**change)
    second = client.post(path, **refund_body(100), headers={"Idempotency-Key": new_key()})
    assert second.status_code in status
    assert len(bank.ledger()) == 2


@pytest.mark.parametrize("enter", [signed_in, with_token])
def test_a_right_taken_away_is_gone_with_the_next_request(paid, bank, enter):
    person = staff("refunder", "payments.refund_payment")
    client = enter(person)
    person.user_permissions.clear()
    path = f"/api/v1/payments/{Payment.objects.get().reference}/refunds/"
    answer = client.post(path, **refund_body(), headers={"Idempotency-Key": new_key()})
    assert answer.status_code == 403
    assert len(bank.ledger()) == 1


def test_a_session_of_a_member_of_staff_who_left_opens_no_page(order):
    person = staff("leaver", "orders.view_order")
    client = signed_in(person)
    assert client.get("/admin/orders/order/").status_code == 200
    type(person).objects.filter(pk=person.pk).update(is_active=False)
    answer = client.get("/admin/orders/order/")
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")
