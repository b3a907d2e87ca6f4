"""Statements that are built once read, write and insert as the models' own would."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from orders.models import Order
from payments.models import Payment
from shop import hot
from shop.models import StateChange
from tests.factories import ProductFactory, place
from tests.orders.story import pay
from tests.statements import counted

pytestmark = pytest.mark.django_db(transaction=True)


def read(order: Order) -> Order:
    text = f"SELECT {hot.columns(Order, 'o')} FROM orders_order o WHERE o.number = %s"
    found: Order = hot.rows(text, [order.number], Order)[0][0]
    return found


def values(row) -> dict:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.fixture
def order() -> Order:
    return place((ProductFactory(), 1))


def test_a_row_is_read_as_django_reads_it(order, bank):
    reference = pay(order).payment.reference
    text = f"SELECT {hot.columns(Payment, 'p')}, 7 FROM payments_payment p WHERE p.reference = %s"
    ((payment, seven),) = hot.rows(text, [reference], Payment)
    assert (values(payment), seven) == (values(Payment.objects.get()), 7)
    assert isinstance(payment.presentation, dict)
    assert values(read(order)) == values(Order.objects.get())


def test_only_what_changed_is_written(order):
    mine = read(order)
    Order.objects.filter(pk=order.pk).update(last_error="told by somebody else")
    mine.version += 1
    mine.expires_at += timedelta(hours=1)
    with counted() as cost:
        hot.save(mine)
        hot.save(mine)
    assert cost.queries == 1
    found = Order.objects.get()
    assert (found.version, found.expires_at) == (mine.version, mine.expires_at)
    assert found.last_error == "told by somebody else"


def test_a_value_is_checked_by_the_database_as_ever(order, bank):
    reference = pay(order).payment.reference
    text = f"SELECT {hot.columns(Payment, 'p')} FROM payments_payment p WHERE p.reference = %s"
    ((payment,),) = hot.rows(text, [reference], Payment)
    payment.refunded_minor = 1
    with pytest.raises(IntegrityError), transaction.atomic():
        hot.save(payment)


def test_a_row_that_is_gone_is_no_success(order):
    missing = read(order)
    missing.pk = 0
    with pytest.raises(RuntimeError, match="not there"):
        hot.update(missing, "version")


def test_several_rows_are_inserted_at_once_and_know_their_keys():
    rows = [
        StateChange(
            subject="call",
            subject_reference=f"R{n}",
            order_reference="O",
            from_state="query",
            to_state="captured",
            source="test",
            detail={"milliseconds": n},
            at=timezone.now(),
        )
        for n in range(3)
    ]
    with counted() as cost:
        hot.insert(rows)
    assert cost.round_trips == 1
    found = list(StateChange.objects.order_by("pk"))
    assert [row.pk for row in found] == [row.pk for row in rows]
    assert [values(row) for row in found] == [values(row) for row in rows]
    assert not any(row._state.adding for row in rows)
