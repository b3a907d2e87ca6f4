"""A day's books: planted differences are found, exactly those; the day is signed once."""

import json
import time
from contextlib import suppress
from datetime import UTC, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from orders.models import Order
from payments import reconciling, refunding
from payments.models import Payment, Reconciliation, Refund, ReviewCase
from shop import books
from shop.models import StaffAction
from tests.bank import Bank
from tests.desk.people import at_the_desk, person, text_of
from tests.factories import place
from tests.orders.story import paid_order, pay, refund, wait_for_refunds

pytestmark = pytest.mark.django_db(transaction=True)
#: The bank's fee: 1.5 % and 25 cents of 19.99.
FEE = 1999 * 150 // 10_000 + 25


def today() -> str:
    return str(timezone.now().astimezone(UTC).date())


def reconcile(*flags: str) -> dict[str, Any]:
    out = StringIO()
    with suppress(SystemExit):  # it exits 1 when something differs
        call_command("reconcile", "--date", today(), "--json", *flags, stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def sql(statement: str, *values: Any) -> None:
    """Plant a lie, past every trigger."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET session_replication_role = DEFAULT")


def payment_of(order: Order) -> Payment:
    return Payment.objects.get(intent__order_reference=order.number)


def refunded(bank: Bank, amount_minor: int) -> tuple[Order, Refund]:
    order = paid_order(bank)
    refund(payment_of(order).reference, amount_minor, 0)
    wait_for_refunds(order)
    return order, Refund.objects.get(payment__intent__order_reference=order.number)


def found(report: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(d["problem"], d["kind"], d["subject"]) for d in report["differences"]}


def strange_charge(bank: Bank) -> str:
    """Money at the bank under a reference of nobody's order; its transaction."""
    order = place()
    reference = pay(order).payment.reference
    bank.pay(reference)
    sql("DELETE FROM payments_payment WHERE reference = %s", reference)
    sql("DELETE FROM payments_paymentintent WHERE order_reference = %s", order.number)
    sql("UPDATE orders_order SET number = 'GONE' WHERE number = %s", order.number)
    return str(bank.ledger(reference)[0]["transaction_id"])


def test_an_honest_day_agrees_and_tells_the_payout(bank):
    paid_order(bank)
    refunded(bank, 100)
    report = reconcile()
    assert (report["matched"], report["differences"]) == (3, [])
    sums = {"charged": 3998, "refunded": 100, "fees": 2 * FEE, "payout": 3998 - 100 - 2 * FEE}
    assert report["totals"] == {"EUR": sums}
    assert not ReviewCase.objects.exists()


def test_a_day_with_planted_differences_finds_exactly_those(bank):
    paid_order(bank)
    smaller, invented = paid_order(bank), place()
    _, changed = refunded(bank, 100)
    _, never_made = refunded(bank, 200)
    strange = strange_charge(bank)
    sql("UPDATE payments_payment SET captured_minor = 5 WHERE id = %s", payment_of(smaller).pk)
    sql("UPDATE payments_refund SET amount_minor = 99 WHERE id = %s", changed.pk)
    pay(invented)
    sql(
        "UPDATE payments_payment SET state = 'captured', role = 'settling', captured_at = now(),"
        " captured_minor = 1999, captured_currency = 'EUR', gateway_transaction_id = 'txn_dream'"
        " WHERE id = %s",
        payment_of(invented).pk,
    )
    dreamt = Refund(
        reference="01ARZ3NDEKTSV4RRFFQ69G5FAV", payment=never_made.payment, kind="staff",
        amount_minor=50, currency="EUR", reason="dream", created_at=timezone.now(),
    )  # fmt: skip
    dreamt.save()
    sql("UPDATE payments_refund SET state = 'done', done_at = now() WHERE id = %s", dreamt.pk)
    report = reconcile()
    assert found(report) == {
        ("missing here", "charge", strange),
        ("missing there", "charge", "txn_dream"),
        ("missing there", "refund", dreamt.reference),
        ("differing", "charge", payment_of(smaller).gateway_transaction_id),
        ("differing", "refund", changed.reference),
    }
    assert (report["matched"], report["adopted"]) == (4, 0)
    day = Reconciliation.objects.get()
    assert (day.missing_here, day.missing_there, day.differing) == (1, 2, 2)
    assert ReviewCase.objects.filter(kind="reconciliation").count() == 5
    again = reconcile()
    assert found(again) == found(report)
    assert (Reconciliation.objects.count(), ReviewCase.objects.count()) == (1, 5)


def test_what_carries_our_reference_is_adopted(bank):
    order = place()
    reference = pay(order).payment.reference
    bank.pay(reference)
    dry = reconcile("--dry-run")
    assert (dry["missing here"], dry["adopted"]) == (1, 0)
    assert not Reconciliation.objects.exists()
    report = reconcile()
    assert (report["adopted"], report["matched"], report["differences"]) == (1, 1, [])
    assert Order.objects.get(pk=order.pk).state == "paid"


def test_a_refund_that_only_the_bank_has_finished_is_asked_about_first(bank):
    _, back = refunded(bank, 100)
    sql(
        "UPDATE payments_refund SET state = 'pending', done_at = NULL, next_poll_at = now()"
        " WHERE id = %s",
        back.pk,
    )
    sql(
        "UPDATE payments_payment SET refunded_minor = 0, refund_pending_minor = 100 WHERE id = %s",
        back.payment_id,
    )
    assert reconcile()["differences"] == []
    assert Refund.objects.get().state == "done"


def test_a_refund_booked_on_the_other_side_of_midnight_is_no_difference(bank):
    _, back = refunded(bank, 100)
    tomorrow = timezone.now() + timedelta(days=1)
    Refund.objects.filter(pk=back.pk).update(done_at=tomorrow)
    day = tomorrow.astimezone(UTC).date()
    (result,) = books.reconcile_day(day, now=tomorrow, dry_run=True)
    assert result.comparison.differences == []


def test_without_the_banks_word_nothing_is_written(bank):
    bank.faults(error_before=1.0)
    with pytest.raises(CommandError, match="did not give its statement"):
        reconcile()
    assert not Reconciliation.objects.exists()
    assert books.reconcile_missing_days(now=timezone.now()) == 0


@pytest.mark.parametrize("flags", [["--date", "2999-01-01"], ["--gateway", "nobody"]])
def test_the_command_says_what_is_wrong(db, flags):
    with pytest.raises(CommandError):
        call_command("reconcile", *flags, stdout=StringIO())


def test_the_clock_makes_up_for_each_past_day_once(bank, settings):
    paid_order(bank)
    settings.RECONCILE_DAYS = 3
    now = timezone.now() + timedelta(days=1, hours=2)
    assert books.reconcile_missing_days(now=now) == 3
    assert books.reconcile_missing_days(now=now) == 0
    assert sum(Reconciliation.objects.values_list("matched", flat=True)) == 1


# --- the page ------------------------------------------------------------------------------------


@pytest.fixture
def yesterday(bank: Bank) -> Reconciliation:
    """Today's books, compared by somebody who lives tomorrow."""
    paid_order(bank)
    books.reconcile_day(
        timezone.now().astimezone(UTC).date(), now=timezone.now() + timedelta(days=2)
    )
    return Reconciliation.objects.get()


def sign(client: Any, day: Reconciliation) -> Any:
    where = reverse("desk:reconciliation-sign", args=[day.pk])
    return client.post(where, {"ran_at": day.ran_at.isoformat()})


def test_the_page_shows_the_day_and_takes_one_sign_off(yesterday):
    ada = person("ada", "sign_off")
    client = at_the_desk(ada)
    assert yesterday.day.isoformat() in text_of(client.get(reverse("desk:reconciliations")))
    page = text_of(client.get(reverse("desk:reconciliation", args=[yesterday.pk])))
    for told in ("1 matched", "€19.99", "Both books agree"):
        assert told in page
    assert sign(client, yesterday).status_code == 302
    yesterday.refresh_from_db()
    assert yesterday.signed_off_by == ada
    assert sign(at_the_desk(person("bob", "sign_off")), yesterday).status_code == 302
    assert StaffAction.objects.filter(action="sign_off").count() == 1


def test_who_may_not_sign_does_not(yesterday):
    assert sign(at_the_desk(person("clerk")), yesterday).status_code == 403
    yesterday.refresh_from_db()
    assert yesterday.signed_off_at is None


def test_a_day_that_is_not_over_or_has_an_open_difference_is_not_signed(bank):
    paid_order(bank)
    ada = at_the_desk(person("ada", "sign_off"))
    reconcile()
    assert sign(ada, Reconciliation.objects.get()).status_code == 409
    sql("UPDATE payments_payment SET captured_minor = 5")
    later = timezone.now() + timedelta(days=2)
    books.reconcile_day(timezone.now().astimezone(UTC).date(), now=later)
    answer = sign(ada, Reconciliation.objects.get())
    assert answer.status_code == 409
    assert "1 open review case" in text_of(answer)
    assert "another amount" in text_of(answer)


def test_figures_that_changed_take_the_signature_away(yesterday, bank):
    sign(at_the_desk(person("ada", "sign_off")), yesterday)
    paid_order(bank)
    books.reconcile_day(yesterday.day, now=timezone.now() + timedelta(days=3))
    yesterday.refresh_from_db()
    assert (yesterday.matched, yesterday.signed_off_at) == (2, None)


def test_a_page_that_shows_an_older_run_signs_nothing(yesterday):
    books.reconcile_day(yesterday.day, now=timezone.now() + timedelta(days=3))
    assert sign(at_the_desk(person("ada", "sign_off")), yesterday).status_code == 409


def test_the_days_and_their_differences_as_sheets(bank):
    paid_order(bank)
    sql("UPDATE payments_payment SET captured_minor = 5")
    reconcile()
    ada = at_the_desk(person("ada", "export"))
    where = reverse("desk:reconciliation-export")
    days = text_of(ada.post(where, {"gateway": "sandbox", "show": "open"}))
    assert f"sandbox,{today()},0,0,0,1,0,EUR,19.99,0.00" in days
    differences = text_of(ada.post(where, {"what": "differences"}))
    assert "differing,charge" in differences
    assert "19.99,0.05" in differences
    assert StaffAction.objects.filter(action="export").count() == 2
    assert reconciling.open_cases_of(Reconciliation.objects.get()) == 1


def the_bank_takes_it_back(bank: Bank, order: Order) -> None:
    deadline = time.monotonic() + 20
    while bank.net(payment_of(order).reference) != order.total_minor:
        assert time.monotonic() < deadline, "the refund never failed"
        time.sleep(0.05)


def test_a_refund_that_was_lost_and_adopted_may_fail_late_too(bank):
    bank.faults(refund_fail_late=1.0, refund_delay=60, lose_notification=1.0)
    order, went = refunded(bank, 500)
    sql("DELETE FROM payments_refund WHERE id = %s", went.pk)
    sql("UPDATE payments_payment SET refunded_minor = 0")
    assert reconcile()["adopted"] == 1
    assert Refund.objects.get(reference=went.reference).kind == "adopted"
    the_bank_takes_it_back(bank, order)
    assert refunding.ask(went.reference, now=timezone.now())
    assert Refund.objects.get(reference=went.reference).state == "failed"
    assert payment_of(order).refunded_minor == 0


def test_a_refund_whose_late_failure_nobody_heard_of_is_asked_about(bank):
    bank.faults(refund_fail_late=1.0, lose_notification=1.0)
    order, went = refunded(bank, 500)
    assert went.state == "done"
    the_bank_takes_it_back(bank, order)
    report = reconcile()
    went = Refund.objects.get(pk=went.pk)
    assert (went.state, payment_of(order).refunded_minor) == ("failed", 0)
    assert ReviewCase.objects.filter(kind="refund_failed", subject=went.reference).count() == 1
    assert went.reference not in {subject for _, _, subject in found(report)}
