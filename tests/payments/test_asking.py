"""Before the bank hears anything it is on disk; while the bank thinks, nothing is locked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from payments import asking, polling, refunding, services, sweeping
from payments.models import Payment, PaymentIntent, Refund
from tests.payments.conftest import OWED


def elsewhere(work: Callable[[], Any]) -> Callable[[], Any]:
    """The same work for another thread, with a connection of its own."""

    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    return run


def refund_all(reference: str) -> services.RefundView:
    return services.refund_payment(
        payment_reference=reference,
        amount_minor=OWED,
        refunded_so_far_minor=0,
        reason="too small",
        actor="ann",
        claim=None,
        now=timezone.now(),
    )


def paid(debt, bank) -> str:
    reference: str = debt.start("qr").payment.reference
    bank.pay(reference)
    services.refresh_payment(reference=reference, now=timezone.now())
    return reference


def free_for_others() -> bool:
    """Whether somebody else can lock the intent and its payments now."""
    with transaction.atomic():
        free = PaymentIntent.objects.select_for_update(skip_locked=True)
        return bool(free) and bool(Payment.objects.select_for_update(skip_locked=True))


@pytest.mark.parametrize("ask", [asking.create, asking.query, asking.close])
def test_the_bank_is_never_asked_inside_a_transaction(debt, bank, line, ask):
    debt.start("qr")
    payment, asked = Payment.objects.select_related("intent").get(), len(line.asked)
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        ask(payment, now=timezone.now())
    assert len(line.asked) == asked


def test_the_attempt_and_its_request_are_on_disk_before_the_bank_answers(debt, bank, line):
    with ThreadPoolExecutor(1) as pool, line.holding("POST /v1/payments") as answered:
        started = pool.submit(elsewhere(lambda: debt.start("qr")))
        assert answered.wait(5)
        rows = list(Payment.objects.all())
        assert [(row.state, row.send_count) for row in rows] == [("created", 1)]
        row = rows[0]
        assert row.request["amount_minor"] == OWED
        assert [p["reference"] for p in bank.payments()] == [row.reference]
        assert free_for_others()
    assert started.result(10).payment.reference == row.reference


@pytest.mark.parametrize("question", ["POST /v1/payments/", "GET /v1/payments/"])
def test_nothing_is_locked_while_the_bank_thinks(debt, bank, line, question):
    reference = debt.start("qr").payment.reference
    work = {
        "POST /v1/payments/": debt.close,
        "GET /v1/payments/": lambda: services.refresh_payment(
            reference=reference, now=timezone.now()
        ),
    }[question]
    with ThreadPoolExecutor(1) as pool, line.holding(question) as answered:
        done = pool.submit(elsewhere(work))
        assert answered.wait(5)
        assert free_for_others()
    done.result(10)


def test_a_refund_is_on_disk_and_counted_before_the_bank_answers(debt, bank, line):
    reference = paid(debt, bank)
    with ThreadPoolExecutor(1) as pool, line.holding("POST /v1/refunds") as answered:
        sent = pool.submit(elsewhere(lambda: refund_all(reference)))
        assert answered.wait(5)
        assert Refund.objects.get().state == "sent"
        assert Payment.objects.get().refund_pending_minor == OWED
        assert free_for_others()
    assert sent.result(10).state == "done"


def test_a_repeat_carries_the_same_request_and_the_same_key(debt, bank, line):
    """The bank refuses one reference with other contents: it saw the same three times."""
    bank.faults(lose_answer=1.0)
    reference = debt.start("qr").payment.reference
    for minutes in (1, 2):
        polling.ask_now(reference, now=timezone.now() + timedelta(minutes=minutes), source="sweep")
    bank.faults()
    again = debt.start("qr", now=timezone.now() + timedelta(minutes=3), subject="another word")
    assert (again.payment.state, again.payment.reference) == ("open", reference)
    assert line.count("POST /v1/payments") == 4
    assert len(bank.payments()) == 1


def test_a_refund_in_doubt_is_asked_about_and_goes_out_once(debt, bank, line):
    reference = paid(debt, bank)
    bank.faults(lose_answer=1.0)
    refund_all(reference)
    refund = Refund.objects.get()
    assert (refund.state, refund.send_count) == ("sent", 1)
    refunding.drive(refund.reference, now=timezone.now() + timedelta(minutes=1))
    bank.faults()
    sweeping.sweep(now=timezone.now() + timedelta(minutes=2))
    assert Refund.objects.get().state == "done"
    assert line.count("POST /v1/refunds") == 1
    assert [row["kind"] for row in bank.ledger()] == ["charge", "refund"]


def test_no_answer_no_broken_answer_and_no_stranger_ends_an_attempt(debt, bank):
    faults = ["lose_answer", "error_before", "error_after", "bad_signature", "broken_answer"]
    faults += ["wrong_merchant", "wrong_reference", "unknown"]
    bank.faults(lose_notification=1.0)
    reference = debt.start("qr").payment.reference
    bank.pay(reference)
    for fault in faults:
        bank.faults(**{fault: 1.0})
        polling.ask_now(reference, now=timezone.now(), source="poll")
        assert Payment.objects.get().state == "open", fault
    bank.faults()
    polling.ask_now(reference, now=timezone.now(), source="poll")
    assert Payment.objects.get().state == "captured"
