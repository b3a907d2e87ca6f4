"""The first lines of an order's page answer the telephone: what happened to this payment?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from orders import services
from orders.models import Order
from payments import services as payments
from payments import sweeping
from payments.models import Payment
from shop.desk.verdict import verdict
from tests.desk.people import at_the_desk, person, text_of
from tests.factories import ProductFactory, place
from tests.orders.story import (
    cancelled_with_a_payable_page,
    fresh,
    late_money,
    paid_order,
    pay,
    refund,
    wait_for_refunds,
)

pytestmark = pytest.mark.django_db(transaction=True)


def told(order: Order) -> list[str]:
    """The sentences, without their times."""
    found = Payment.objects.filter(intent__order_reference=order.number).order_by("id")
    said = verdict(fresh(order), list(found.prefetch_related("refunds")))
    assert all(s.endswith(".") for s in said)
    return [
        s.split(", 20")[0].split(" until 20")[0].split(" since 20")[0].rstrip(".") for s in said
    ]


def refresh(reference: str) -> None:
    payments.refresh_payment(reference=reference, now=timezone.now())


def test_nobody_paid_yet(bank):
    order = place()
    assert told(order) == ["Not paid: nobody has tried to pay yet"]
    pay(order)
    assert told(order) == ["Not paid yet: the shopper can pay by qr at sandbox"]


def test_paid_once(bank):
    assert told(paid_order(bank)) == ["Paid once: €19.99 by qr at sandbox"]


def test_in_doubt_names_who_has_not_answered(bank):
    order = place()
    bank.faults(error_before=1.0)
    pay(order)
    (said,) = verdict(order, list(Payment.objects.all()))
    assert said.startswith("In doubt since 20")
    assert "sandbox has not said whether money moved by qr; it is asked again 20" in said


def test_paid_twice_says_which_one_stays_and_that_the_other_went_back(bank):
    order = place()
    first = pay(order, "redirect").payment.reference
    second = pay(order, "qr").payment.reference
    paid = "Paid once: €19.99 by qr at sandbox"
    bank.pay(second)
    refresh(second)
    arrives = "An earlier attempt by redirect at sandbox may still bring money"
    assert told(order) == [paid, arrives]
    assert "sent back by itself" in " ".join(verdict(order, list(Payment.objects.all())))
    bank.pay(first)
    refresh(first)
    extra = "A second payment came: €19.99 by redirect at sandbox"
    on_its_way = told(order)
    assert on_its_way[:2] == [paid, extra]
    wait_for_refunds(order)
    assert told(order) == [paid, extra, "All of that payment was sent back"]


def test_what_may_still_arrive_before_anything_came_would_pay(bank):
    order = place()
    pay(order, "redirect")
    pay(order, "qr")
    said = verdict(order, list(Payment.objects.order_by("id")))
    assert said[-1].endswith("it would pay the order.")


def test_a_part_that_went_back_is_told_as_a_part(bank):
    order = paid_order(bank)
    refund(Payment.objects.get().reference, 500, 0)
    wait_for_refunds(order)
    assert told(order)[1:] == ["€5.00 of it was sent back"]
    refund(Payment.objects.get().reference, 1499, 500)
    wait_for_refunds(order)
    assert told(order)[1:] == ["All of it was sent back"]


def test_a_refund_on_its_way_says_where_it_is(bank):
    order = paid_order(bank)
    bank.faults(refund_pending=1.0)
    refund(Payment.objects.get().reference, 500, 0)
    assert told(order)[1:] == ["€5.00 of it is on its way back (pending)"]


def test_declined_and_cancelled(bank):
    order = place()
    reference = pay(order).payment.reference
    bank.decline(reference)
    refresh(reference)
    assert told(order) == ["Not paid: no attempt of 1 brought money (declined)"]
    services.cancel_order(public_id=order.public_id, now=timezone.now())
    assert told(order) == ["Not paid: the order was cancelled"]


def test_late_money_that_could_not_be_kept(bank):
    good = ProductFactory(stock=1)
    order, reference = cancelled_with_a_payable_page(bank, good)
    place((good, 1))
    late_money(bank, order, reference)
    wait_for_refunds(order)
    assert told(order)[-1] == "All of it was sent back"
    assert fresh(order).state == "cancelled"


def test_it_stands_above_everything_else(bank):
    order = paid_order(bank)
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))
    page = text_of(at_the_desk(person("ada")).get(reverse("desk:order", args=[order.number])))
    assert page.index("Paid once: €19.99 by qr at sandbox") < page.index("Balance")


def test_the_search_begins_with_the_newest_orders(bank):
    orders = [place() for _ in range(3)]
    page = text_of(at_the_desk(person("ada")).get(reverse("desk:search")))
    places = [page.index(order.number) for order in reversed(orders)]
    assert places == sorted(places)
