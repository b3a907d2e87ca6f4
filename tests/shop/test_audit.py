"""The audit: silent on an honest shop, loud on a planted lie, and it adopts what was lost."""

import json
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from orders.models import Order
from payments import services, sweeping
from payments.models import Payment
from shop import outbox
from shop.audit import checks
from tests.bank import Bank
from tests.buyer import Buyer

pytestmark = pytest.mark.django_db(transaction=True)


class Books:
    """A small shop with a past: paid, paid twice, partly refunded, cancelled, unpaid."""

    def __init__(self, bank: Bank) -> None:
        call_command("seed", stdout=StringIO())
        self.bank, self.buyer = bank, Buyer()
        self.paid = self._bought("qr")
        self.paid_twice = self._bought("redirect", "qr")
        self.refunded = self._bought("card")
        self.cancelled = self.buyer.order()
        self.buyer.pay(self.cancelled)
        self.buyer.post(f"/api/v1/orders/{self.cancelled['public_id']}/cancel/", {})
        self.unpaid = self.buyer.order()
        self.rest()
        services.refund_payment(
            payment_reference=self.payment(self.refunded).reference,
            amount_minor=100,
            refunded_so_far_minor=0,
            reason="scratched",
            actor="staff",
            claim=None,
            now=timezone.now(),
        )
        self.rest()

    def _bought(self, *methods: str) -> dict[str, Any]:
        order = self.buyer.order()
        for reference in [self.buyer.pay(order, m).json()["reference"] for m in methods]:
            self.bank.pay(reference)
        return order

    def rest(self) -> None:
        later = timezone.now() + timedelta(seconds=60)
        sweeping.sweep(now=later)
        sweeping.sweep(now=later + timedelta(seconds=60))
        outbox.relay(now=later)

    def payment(self, order: dict[str, Any]) -> Payment:
        return Payment.objects.get(intent__order_reference=order["number"], role="settling")


@pytest.fixture
def books(bank: Bank) -> Books:
    return Books(bank)


def audit(*flags: str) -> dict[str, Any]:
    out = StringIO()
    with suppress(SystemExit):  # it exits 1 when it found something
        call_command("audit", "--json", *flags, stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def sql(statement: str) -> None:
    """Plant a lie, past every trigger."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = DEFAULT")


def test_an_honest_shop_has_no_violation(books):
    report = audit("--all-at-rest")
    assert report["violations"] == []
    assert report["movements"] == 6  # four charges, one surplus sent back, one staff refund


def test_the_report_names_every_invariant(books):
    out = StringIO()
    call_command("audit", stdout=out)
    for number in range(1, 21):
        assert f"ok I{number} " in out.getvalue()


def test_without_the_banks_word_nothing_is_proven(books):
    books.bank.faults(error_before=1.0)
    with pytest.raises(CommandError, match="nothing is proven"):
        call_command("audit", stdout=StringIO())


def test_a_future_day_is_refused_in_words():
    with pytest.raises(CommandError, match="lies in the future"):
        call_command("audit", "--since", "2999-01-01", stdout=StringIO())


def test_a_capture_whose_row_was_lost_is_adopted_and_pays_its_order(books):
    order = books.buyer.order()
    reference = books.buyer.pay(order).json()["reference"]
    books.bank.pay(reference)
    sql(f"DELETE FROM payments_payment WHERE reference = '{reference}'")
    sql(f"DELETE FROM payments_paymentintent WHERE order_reference = '{order['number']}'")
    sql(
        f"DELETE FROM shop_statechange WHERE order_reference = '{order['number']}'"
        " AND to_state <> 'unpaid'"
    )
    sql(f"UPDATE orders_order SET state = 'unpaid' WHERE number = '{order['number']}'")
    assert [v["invariant"] for v in audit("--dry-run")["violations"]] == ["I4"]
    assert audit()["adopted"] == 1
    books.rest()
    assert Order.objects.get(number=order["number"]).state == "paid"
    assert audit("--all-at-rest")["violations"] == []


def test_a_refund_whose_row_was_lost_is_adopted(books):
    payment = books.payment(books.refunded)
    sql(f"DELETE FROM payments_refund WHERE payment_id = {payment.pk}")
    sql(f"UPDATE payments_payment SET refunded_minor = 0 WHERE id = {payment.pk}")
    assert audit()["adopted"] == 1
    assert books.payment(books.refunded).refunded_minor == 100
    assert audit("--all-at-rest")["violations"] == []


def test_each_invariant_is_one_sentence_and_one_statement():
    names = [name for name in checks.invariants() if name != "setup"]
    assert names == [f"I{number}" for number in range(1, 21)]
    assert all(i.sql.count(";") == 1 for i in checks.invariants().values() if i.name != "setup")
