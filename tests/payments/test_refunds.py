"""Refunds: once, never more than was captured, never twice by two of the staff."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from payments import inbox, refunding, services, sweeping
from payments.asking_refunds import Answer
from payments.gateways import base
from payments.models import Notification, Payment, Refund, ReviewCase
from payments.problems import NotRefundable, RefundedMeanwhile, RefundTooLarge
from tests.payments.conftest import OWED, sweep_until


@pytest.fixture
def paid(debt, bank) -> str:
    reference: str = debt.start("qr").payment.reference
    bank.pay(reference)
    sweeping.sweep(now=timezone.now() + timedelta(seconds=30))
    return reference


def refund(reference: str, amount_minor: int, so_far_minor: int = 0) -> services.RefundView:
    return services.refund_payment(
        payment_reference=reference,
        amount_minor=amount_minor,
        refunded_so_far_minor=so_far_minor,
        reason="too small",
        actor="staff",
        claim=None,
        now=timezone.now(),
    )


def row(reference: str) -> Payment:
    return Payment.objects.get(reference=reference)


def test_a_refund_goes_out_once(paid, bank):
    assert refund(paid, 1000).state == "done"
    assert bank.net(paid) == OWED - 1000
    assert (row(paid).refunded_minor, row(paid).refund_pending_minor) == (1000, 0)


def test_the_same_partial_refund_by_two_staff_goes_out_once(paid, bank):
    def send(_: int) -> str:
        try:
            return refund(paid, 1000).state
        except RefundedMeanwhile as fresh:
            return f"fresh figure {fresh.extra['refunded_so_far_minor']}"
        finally:
            connection.close()

    # Six would fit into what was paid: nothing but the figure they saw stops five.
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    assert sorted(answers) == ["done"] + ["fresh figure 1000"] * 5
    assert bank.net(paid) == OWED - 1000


@pytest.mark.parametrize("amount_minor", [OWED + 1, 0, -1])
def test_more_than_is_left_is_refused(paid, bank, amount_minor):
    # The database would refuse it too: without a word that staff can act on.
    with pytest.raises((RefundTooLarge, IntegrityError)) as refusal:
        refund(paid, amount_minor)
    assert refusal.type is RefundTooLarge
    assert Refund.objects.count() == 0
    assert bank.net(paid) == OWED


def test_a_payment_without_money_cannot_be_refunded(debt, bank):
    with pytest.raises(NotRefundable):
        refund(debt.start("qr").payment.reference, 100)


def test_a_lost_answer_counts_against_the_balance_and_is_sent_again_with_its_key(paid, bank):
    bank.faults(lose_answer=1.0)
    assert refund(paid, OWED).state == "sent"
    assert row(paid).refund_pending_minor == OWED
    with pytest.raises(RefundTooLarge):
        refund(paid, 1, so_far_minor=OWED)
    bank.faults()
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))
    assert (row(paid).refunded_minor, bank.net(paid)) == (OWED, 0)


def test_a_refund_that_fails_opens_a_case_and_frees_the_balance(paid, bank):
    bank.faults(refund_fail=1.0)
    refund(paid, 500)
    sweep_until(lambda: Refund.objects.get().state == "failed")
    assert ReviewCase.objects.get().kind == "refund_failed"
    assert (row(paid).refund_pending_minor, bank.net(paid)) == (0, OWED)


def test_a_refund_that_fails_late_is_taken_back(paid, bank):
    bank.faults(refund_fail_late=1.0)
    sent = refund(paid, OWED)
    for _ in range(40):
        services_now = timezone.now() + timedelta(seconds=60)
        sweeping.sweep(now=services_now)
        note = Notification(
            gateway="sandbox",
            notification_id=str(services_now),
            kind="refund.failed",
            reference=paid,
            refund_reference=sent.reference,
            body=b"",
            received_at=services_now,
        )
        note.save()
        inbox.process(note.pk, now=services_now)
        if Refund.objects.get().state == "failed":
            break
    assert Refund.objects.get().state == "failed"
    assert row(paid).refunded_minor == 0
    assert bank.net(paid) == OWED


def late_failure(paid: str, refund_reference: str) -> Notification:
    now = timezone.now()
    return Notification.objects.create(
        gateway="sandbox",
        notification_id=f"late-{now}",
        kind="refund.failed",
        reference=paid,
        refund_reference=refund_reference,
        body=b"",
        received_at=now,
        next_try_at=now,
    )


def fails_at_the_bank(bank, refund_reference: str) -> None:
    """Wait until the refund, which was done, has failed after all."""
    for _ in range(100):
        if any(note["type"] == "refund.failed" for note in bank.notifications()):
            return
        time.sleep(0.1)
    raise AssertionError("it never failed")


def test_a_late_failure_is_not_forgotten_when_the_bank_does_not_answer(paid, bank):
    bank.faults(refund_fail_late=1.0, lose_notification=1.0)
    sent = refund(paid, OWED)
    fails_at_the_bank(bank, sent.reference)
    note = late_failure(paid, sent.reference)
    bank.faults(lose_answer=1.0)
    inbox.process(note.pk, now=timezone.now())
    bank.faults()
    sweep_until(lambda: Refund.objects.get().state == "failed")
    assert (row(paid).refunded_minor, bank.net(paid)) == (0, OWED)


def test_a_late_failure_is_not_forgotten_while_somebody_is_at_the_refund(paid, bank):
    bank.faults(refund_fail_late=1.0, lose_notification=1.0)
    sent = refund(paid, OWED)
    fails_at_the_bank(bank, sent.reference)
    now = timezone.now()
    # The process that sent it has the answer "done" in its hands and has not written it yet.
    Payment.objects.update(refunded_minor=0, refund_pending_minor=OWED)
    Refund.objects.update(state="sent", lease_until=now + timedelta(seconds=30), done_at=None)
    inbox.process(late_failure(paid, sent.reference).pk, now=now)
    done = Answer(base.RefundSnapshot(base.RefundState.DONE), "", now, "refund", 1)
    refunding.record_refund(sent.reference, done, asked_state="sent")
    sweep_until(lambda: Refund.objects.get().state == "failed")
    assert (row(paid).refunded_minor, bank.net(paid)) == (0, OWED)


def test_a_stale_done_does_not_hide_that_the_refund_failed(paid, bank):
    bank.faults(refund_fail_late=1.0, lose_notification=1.0)
    sent = refund(paid, OWED)
    fails_at_the_bank(bank, sent.reference)
    now = timezone.now()
    inbox.process(late_failure(paid, sent.reference).pk, now=now)
    assert Refund.objects.get().state == "failed"
    # A repeated "done" had asked before, and writes only now.
    done = Answer(base.RefundSnapshot(base.RefundState.DONE), "", now, "refund", 1)
    refunding.record_refund(sent.reference, done, asked_state="sent")
    sweep_until(lambda: Refund.objects.get().state == "failed")
    assert (row(paid).refunded_minor, bank.net(paid)) == (0, OWED)
