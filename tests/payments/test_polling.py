"""Asking is driven by rows: by delayed tasks alone, by the sweep alone, until the bank is final."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from orders.models import Order
from payments import asking, inbox, polling, services, sweeping
from payments.gateways.base import RawRequest
from payments.models import Notification, Payment, ReviewCase
from payments.recording import record_outcome
from shop.models import StateChange
from shop.wiring import SUBSCRIBERS
from tests.factories import place
from tests.payments import broker
from tests.payments.conftest import OWED

SCHEDULE = [3, 10, 20, 30, 60]


@pytest.fixture(autouse=True)
def empty_broker() -> None:
    broker.forget_sent()


def row() -> Payment:
    return Payment.objects.get()


def nobody_tells(bank) -> None:
    bank.faults(lose_notification=1.0)


def due_in(payment: Payment, now: datetime) -> float:
    assert payment.next_poll_at is not None
    return (payment.next_poll_at - now).total_seconds()


# --- by delayed tasks alone ---------------------------------------------------------------------


def test_delayed_tasks_alone_find_the_money(debt, bank):
    nobody_tells(bank)
    reference = debt.start("qr").payment.reference
    now = timezone.now()
    for pause in SCHEDULE[:3]:
        (task,) = broker.sent()
        assert (task.name, task.about) == ("payments.poll", {"reference": reference})
        assert task.in_seconds == pytest.approx(pause, abs=4)
        now += timedelta(seconds=pause)
        assert polling.poll(reference, now=now)
    bank.pay(reference)
    (task,) = broker.sent()
    assert polling.poll(reference, now=now + timedelta(seconds=SCHEDULE[3]))
    assert row().state == "captured"
    assert broker.sent() == []
    assert bank.net(reference) == OWED


def test_a_task_that_comes_twice_or_early_asks_once(debt, bank, line):
    reference = debt.start("qr").payment.reference
    now = timezone.now()
    assert not polling.poll(reference, now=now)
    asked = [polling.poll(reference, now=now + timedelta(seconds=4)) for _ in range(3)]
    assert asked == [True, False, False]
    assert line.count("GET") == 1


def test_a_pause_too_long_for_a_task_is_left_to_the_sweep(debt, bank):
    reference = debt.start("qr").payment.reference
    Payment.objects.update(poll_count=5)
    broker.forget_sent()
    polling.poll(reference, now=timezone.now() + timedelta(seconds=4))
    assert broker.sent() == []
    assert due_in(row(), timezone.now()) > 120


# --- by the sweep alone -------------------------------------------------------------------------


def test_the_sweep_alone_asks_after_3_10_20_30_seconds_and_outward(debt, bank, line):
    nobody_tells(bank)
    reference = debt.start("qr").payment.reference
    now = timezone.now()
    assert due_in(row(), now) == pytest.approx(3, abs=2)
    for times, pause in enumerate(SCHEDULE):
        sweeping.sweep(now=now + timedelta(seconds=pause - 1))
        assert line.count("GET") == times
        now += timedelta(seconds=pause + 0.5)
        sweeping.sweep(now=now)
        assert line.count("GET") == times + 1
        following = [*SCHEDULE, 120][times + 1]
        assert due_in(row(), now) == pytest.approx(following, abs=3)
    bank.pay(reference)
    sweeping.sweep(now=now + timedelta(seconds=121))
    assert (row().state, row().next_poll_at) == ("captured", None)


def test_the_sweep_sends_again_what_a_dead_process_never_sent(debt, bank, line):
    bank.faults(error_before=1.0)
    reference = debt.start("qr").payment.reference
    bank.faults()
    sweeping.sweep(now=timezone.now() + timedelta(seconds=30))
    assert (row().state, row().send_count) == ("open", 2)
    assert line.count("POST /v1/payments") == 2
    assert [p["reference"] for p in bank.payments()] == [reference]


def test_nobody_sends_again_while_the_first_may_be_under_way(debt, bank, line):
    debt.start("qr")
    now = timezone.now()
    Payment.objects.update(presentation=None, lease_until=now + timedelta(seconds=9))
    Payment.objects.update(next_poll_at=now)
    sweeping.sweep(now=now)
    assert line.count("POST") == 1


def test_the_sweep_closes_until_it_is_answered(debt, bank):
    debt.start("qr")
    bank.faults(error_before=1.0)
    assert debt.close() is services.Closing.WAITING
    bank.faults()
    sweeping.sweep(now=timezone.now() + timedelta(seconds=30))
    assert debt.close() is services.Closing.CLOSED
    assert [p["state"] for p in bank.payments()] == ["closed"]


def test_one_broken_row_does_not_keep_the_others_waiting(debt, bank):
    first = debt.start("qr").payment.reference
    debt.reference = "PO-TEST-2"
    second = debt.start("qr").payment.reference
    Payment.objects.filter(reference=first).update(gateway="gone")
    bank.pay(second)
    sweeping.sweep(now=timezone.now() + timedelta(seconds=30))
    assert Payment.objects.get(reference=second).state == "captured"


# --- until the bank is final --------------------------------------------------------------------


def test_after_the_last_try_a_person_is_told_and_nothing_is_given_up(debt, bank, settings):
    settings.POLL_TRIES_MAX = 3
    reference = debt.start("qr").payment.reference
    bank.faults(unknown=1.0)
    now = timezone.now()
    for _ in range(6):
        now += timedelta(minutes=1)
        sweeping.sweep(now=now)
    assert (row().state, row().next_poll_at, row().poll_count) == ("open", None, 3)
    case = ReviewCase.objects.get()
    assert (case.kind, case.subject) == ("polling_exhausted", reference)
    bank.faults()
    bank.pay(reference)
    services.refresh_payment(reference=reference, now=now)
    assert row().state == "captured"


def test_the_end_of_the_late_window_is_a_review_case(debt, bank):
    reference = debt.start("redirect").payment.reference
    bank.faults(unknown=1.0)
    sweeping.sweep(now=timezone.now() + timedelta(days=2))
    assert ReviewCase.objects.count() == 0
    sweeping.sweep(now=timezone.now() + timedelta(days=7))
    assert (ReviewCase.objects.get().kind, row().next_poll_at) == ("polling_exhausted", None)
    assert Payment.objects.get(reference=reference).state == "open"


def test_asking_goes_on_when_only_our_own_row_looks_final(debt, bank):
    reference = debt.start("qr").payment.reference
    bank.faults(not_found=1.0)
    sweeping.sweep(now=timezone.now() + timedelta(hours=1))
    assert (row().state, row().next_poll_at) == ("closed", None)
    bank.faults()
    services.refresh_payment(reference=reference, now=timezone.now())
    assert row().next_poll_at is not None
    bank.pay(reference)
    sweeping.sweep(now=timezone.now() + timedelta(hours=2))
    assert (row().state, row().role) == ("captured", "settling")


def test_not_found_ends_nothing_before_the_horizon(debt, bank):
    debt.start("qr")
    bank.faults(not_found=1.0)
    sweeping.sweep(now=timezone.now() + timedelta(minutes=19))
    assert row().state == "open"
    sweeping.sweep(now=timezone.now() + timedelta(minutes=40))
    assert row().state == "closed"


def test_a_verdict_on_what_was_sent_again_meanwhile_is_not_believed(debt, bank, line):
    """Asked, sent again, paid, and only then: "not found, final"."""
    bank.faults(error_before=1.0)
    reference = debt.start("qr").payment.reference
    bank.faults()
    stale = Payment.objects.select_related("same_attempt_as", "intent").get()
    late = timezone.now() + timedelta(minutes=21)
    verdict = asking.query(stale, now=late)
    assert verdict.outcome.kind == "absent"
    debt.start("qr")
    record_outcome(reference=reference, outcome=verdict.outcome, source="poll", now=verdict.at)
    assert (row().state, row().send_count) == ("open", 2)
    bank.pay(reference)
    sweeping.sweep(now=late + timedelta(minutes=1))
    assert row().state == "captured"


# --- a page that was opened again ---------------------------------------------------------------


def test_a_stale_page_brings_the_next_ask_forward_and_calls_no_gateway(debt, bank, line):
    reference = debt.start("qr").payment.reference
    asked, now = len(line.asked), timezone.now()
    Payment.objects.update(next_poll_at=now + timedelta(hours=4))
    broker.forget_sent()
    services.hasten_polls(order_reference=debt.reference, now=now)
    assert row().next_poll_at == now
    assert [(t.name, t.about) for t in broker.sent()] == [
        ("payments.poll", {"reference": reference})
    ]
    assert len(line.asked) == asked


def test_looking_at_a_page_asks_nobody_and_waits_for_nobody(debt, bank, line, settings):
    settings.OUTBOX_SUBSCRIBERS = SUBSCRIBERS
    order = place()
    services.start_payment(
        order_reference=order.number,
        amount_minor=order.total_minor,
        currency=order.currency,
        method="qr",
        subject="a mug",
        return_url="http://127.0.0.1:8000/",
        locale="en",
        claim=None,
        now=timezone.now(),
    )
    Payment.objects.update(next_poll_at=timezone.now() + timedelta(hours=4))
    asked = len(line.asked)
    for path in (f"/orders/{order.public_id}/", f"/api/v1/orders/{order.public_id}/"):
        assert Client().get(path).status_code == 200
    assert Client().get(f"/api/v1/orders/{order.public_id}/status/").status_code == 200
    assert len(line.asked) == asked
    assert due_in(row(), timezone.now()) < 1
    assert Order.objects.get().state == "paying"


# --- notifications ------------------------------------------------------------------------------


def delivery(bank, reference: str, kind: str = "payment.paid") -> RawRequest:
    return RawRequest("POST", "/", "", *bank.notification(reference, kind))


def test_a_notification_whose_task_was_lost_is_taken_by_the_sweep(debt, bank):
    nobody_tells(bank)
    reference = debt.start("qr").payment.reference
    Payment.objects.update(next_poll_at=None)
    bank.pay(reference)
    inbox.receive("sandbox", delivery(bank, reference), now=timezone.now())
    broker.forget_sent()
    sweeping.sweep(now=timezone.now())
    assert row().state == "open"  # its task may still come
    sweeping.sweep(now=timezone.now() + timedelta(seconds=6))
    assert row().state == "captured"
    assert Notification.objects.get().result == "asked"


def test_a_notification_that_is_not_answered_is_followed_until_it_is(debt, bank):
    nobody_tells(bank)
    reference = debt.start("qr").payment.reference
    Payment.objects.update(next_poll_at=None)
    bank.pay(reference)
    inbox.receive("sandbox", delivery(bank, reference), now=timezone.now())
    bank.faults(error_before=1.0)
    now = timezone.now() + timedelta(seconds=6)
    sweeping.sweep(now=now)
    assert Notification.objects.get().result == "unanswered"
    bank.faults()
    sweeping.sweep(now=now + timedelta(minutes=1))
    assert (row().state, Notification.objects.get().result) == ("captured", "asked")


def test_an_unknown_reference_is_parked_and_then_for_a_person(transactional_db, bank):
    inbox.receive("sandbox", delivery(bank, "NOBODYKNOWSTHISREFERENCE26"), now=timezone.now())
    now = timezone.now()
    results = []
    for _ in range(5):
        now += timedelta(minutes=1)
        sweeping.sweep(now=now)
        results.append(Notification.objects.get().result)
    assert results == ["parked", "parked", "parked", "orphan", "orphan"]
    assert ReviewCase.objects.get().kind == "orphan_notification"
    assert Notification.objects.get().next_try_at is None


def test_a_notification_that_overtakes_the_answer_to_our_create_settles_it(debt, bank, line):
    """The shopper pays while the answer to our create is still on its way."""

    def click():
        try:
            return debt.start("qr")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with line.holding("POST /v1/payments") as answered:
            started = pool.submit(click)
            assert answered.wait(5)
            reference = row().reference
            assert row().state == "created"
            bank.pay(reference)
            (stored,) = inbox.receive("sandbox", delivery(bank, reference), now=timezone.now())
            inbox.process(stored, now=timezone.now())
            assert row().state == "captured"
        assert started.result(10).payment.settles
    assert row().gateway_order_id
    assert StateChange.objects.filter(subject="payment", to_state="captured").count() == 1
    assert bank.net(reference) == OWED


def test_a_notification_told_a_hundred_times_is_stored_and_followed_once(debt, bank, line):
    nobody_tells(bank)
    reference = debt.start("qr").payment.reference
    bank.pay(reference)
    told = delivery(bank, reference)
    stored = [inbox.receive("sandbox", told, now=timezone.now()) for _ in range(100)]
    assert sum(len(new) for new in stored) == 1
    before = len(line.asked)
    for _ in range(20):
        inbox.process(stored[0][0], now=timezone.now())
    assert len(line.asked) == before + 1
    assert StateChange.objects.filter(subject="payment", to_state="captured").count() == 1
    assert bank.net(reference) == OWED


def test_a_genuine_notification_is_a_hint_and_the_bank_is_asked(debt, bank):
    """It says paid; asked, the bank says open: nothing changes."""
    reference = debt.start("qr").payment.reference
    (stored,) = inbox.receive("sandbox", delivery(bank, reference), now=timezone.now())
    inbox.process(stored, now=timezone.now())
    assert (row().state, row().captured_minor) == ("open", 0)
    assert Notification.objects.get().processed_at is not None


def test_a_notification_of_a_decline_is_a_hint_too(debt, bank):
    reference = debt.start("qr").payment.reference
    (stored,) = inbox.receive(
        "sandbox", delivery(bank, reference, "payment.declined"), now=timezone.now()
    )
    bank.pay(reference)
    inbox.process(stored, now=timezone.now())
    assert row().state == "captured"


def test_a_sweep_leaves_the_rest_of_a_batch_once_its_claim_has_run_out(settings):
    settings.PAYMENT_LEASE_SECONDS = 0.05
    batches, worked = [["one", "two", "three"], ["two"], []], []

    def slowly(key: str, at: object) -> None:
        worked.append(key)
        time.sleep(0.06)

    handled = sweeping._drain(lambda at: batches.pop(0), slowly, timezone.now, time.monotonic())
    assert (worked, handled) == (["one", "two"], 2)
