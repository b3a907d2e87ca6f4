"""The database decides races: what must be single is refused the second time, by its name."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, models
from django.utils import timezone

from orders import services as orders
from orders.models import Invoice, Order, StockMovement
from payments import inbox, services
from payments.gateways.base import RawRequest
from payments.models import Notification, Payment, PaymentIntent, Refund, ReviewCase
from payments.reviews import open_case
from shop import outbox
from shop.idempotency import Claim
from shop.models import IdempotencyKey, OutboxMessage
from shop.wiring import SUBSCRIBERS
from tests.factories import ProductFactory, fill_basket, place_basket
from tests.orders.story import pay

pytestmark = pytest.mark.django_db(transaction=True)

FREE = {"gateway_order_id": None, "gateway_transaction_id": None}
NEW = {"reference": "A-NEW-REFERENCE-0000000001"}
#: What is single: the table, what may differ in the second row, the words of the refusal.
SINGLE: dict[str, tuple[type[models.Model], dict[str, Any], str]] = {
    "an order number": (Order, {"public_id": "x", "submission": None}, "number"),
    "a public id": (Order, {"number": "x", "submission": None}, "public_id"),
    "a submission": (Order, {"number": "x", "public_id": "x"}, "submission"),
    "an invoice of an order": (Invoice, {"number": 4711}, "order_id"),
    "an invoice number": (Invoice, {}, "orders_invoice"),
    "a movement of a line and kind": (StockMovement, {}, "stock_moves_once"),
    "an intent of an order": (PaymentIntent, {}, "order_reference"),
    "a settling payment": (Payment, NEW | FREE, "one_live_or_settling_payment"),
    "a live payment beside it": (
        Payment,
        NEW | FREE | {"state": "open", "role": "live"},
        "one_live_or_settling_payment",
    ),
    "a payment's reference": (
        Payment,
        FREE | {"state": "closed", "role": "none"},
        "payment_reference",
    ),
    "a gateway's own order id": (
        Payment,
        NEW | {"gateway_transaction_id": None, "state": "closed", "role": "none"},
        "gateway_order_belongs_to_one_payment",
    ),
    "a gateway's transaction": (
        Payment,
        NEW | {"gateway_order_id": None, "state": "surplus", "role": "none"},
        "gateway_transaction_booked_once",
    ),
    "a refund's reference": (Refund, {}, "refund_reference"),
    "the way back of a surplus": (Refund, NEW | {"kind": "returned"}, "surplus_goes_back_once"),
    "a notification": (Notification, {}, "notification_stored_once"),
    "a key of an operation": (IdempotencyKey, {}, "key_used_once_per_operation"),
    "a fact for a subscriber": (OutboxMessage, {}, "fact_reaches_subscriber_once"),
    "an open case of a subject": (ReviewCase, {}, "one_open_case_per_subject"),
}
#: What no row may say, whoever writes it.
REFUSED: dict[str, tuple[type[models.Model], str]] = {
    "an intent over nothing": (PaymentIntent, "amount_minor = 0"),
    "a payment of nothing": (Payment, "amount_minor = 0"),
    "a refund of less than nothing": (Refund, "amount_minor = -1"),
    "more sent back than was taken": (Payment, "refunded_minor = captured_minor + 1"),
    "more on its way back than is left": (Payment, "refund_pending_minor = captured_minor + 1"),
    "less than nothing sent back": (Payment, "refunded_minor = -1"),
    "a settling payment that is not captured": (Payment, "state = 'surplus'"),
    "a captured payment that does not settle": (Payment, "role = 'none'"),
    "a state nobody knows": (Payment, "state = 'perhaps'"),
}


@pytest.fixture
def one_of_each(bank, settings) -> Order:
    """A paid and invoiced order with a refund, a notification, a message and a case."""
    settings.OUTBOX_SUBSCRIBERS = SUBSCRIBERS
    order = place_basket(fill_basket((ProductFactory(), 1))).order
    bank.pay(pay(order).payment.reference)
    orders.check_order(public_id=order.public_id, now=timezone.now())
    outbox.relay(now=timezone.now())
    (payment,) = services.list_payments(order_reference=order.number)
    services.refund_payment(
        payment_reference=payment.reference,
        amount_minor=1,
        refunded_so_far_minor=0,
        reason="a scratch",
        actor="ann",
        claim=Claim("refunds", "k" * 16, "0" * 64),
        now=timezone.now(),
    )
    Refund.objects.update(kind="returned")
    delivery = RawRequest("POST", "/", "", *bank.notification(payment.reference))
    inbox.receive("sandbox", delivery, now=timezone.now())
    open_case(
        "contradiction",  # type: ignore[arg-type]
        subject=payment.reference,
        order_reference=order.number,
        now=timezone.now(),
    )
    return order


def write_again(model: type[models.Model], changes: dict[str, Any]) -> None:
    """A second row like the first but for these columns, past every check of ours."""
    columns = [f.column or "" for f in model._meta.concrete_fields if not f.primary_key]
    chosen = ", ".join("%s" if column in changes else column for column in columns)
    values = [changes[column] for column in columns if column in changes]
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table} LIMIT 1",
            values,
        )


@pytest.mark.parametrize("what", SINGLE)
def test_the_database_refuses_a_second(what, one_of_each):
    model, changes, words = SINGLE[what]
    assert model._default_manager.exists()
    with pytest.raises(IntegrityError, match=words):
        write_again(model, changes)


@pytest.mark.parametrize("what", REFUSED)
def test_the_database_refuses(what, one_of_each):
    model, assignment = REFUSED[what]
    with pytest.raises(IntegrityError, match="check constraint"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model._meta.db_table} SET {assignment}")
