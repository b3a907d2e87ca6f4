"""Twenty and more at once, each with its own thread and connection: one charge is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from orders import services as orders
from orders.models import Order, Product
from payments import asking, inbox, polling, refunding, services, sweeping
from payments.gateways.base import RawRequest
from payments.models import Notification, Payment, PaymentIntent, Refund
from payments.models.payment import Role
from payments.problems import RefundedMeanwhile, RefundTooLarge
from payments.recording import record_outcome
from payments.services import Closing, Started
from shop import outbox
from shop.models import StateChange
from shop.problems import Problem
from shop.wiring import SUBSCRIBERS
from tests.factories import ProductFactory, place
from tests.orders.races import at_once
from tests.payments.conftest import OWED, Debt

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[True, False], ids=["with redis", "without redis"])
def redis_or_not(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr("shop.courtesy.pause.until", float("inf"))


def in_a_minute() -> datetime:
    return timezone.now() + timedelta(minutes=1)


def pay_whatever_is_open(bank) -> list[str]:
    open_ones = [p["reference"] for p in bank.payments() if p["state"] == "open"]
    for reference in open_ones:
        assert bank.pay(reference).status_code == 200
    return open_ones


def kinds(bank, *references: str) -> list[str]:
    return sorted(row["kind"] for row in bank.ledger(*references))


def test_forty_starts_of_two_methods_at_once_keep_one_charge(debt, bank, settings, redis_or_not):
    settings.NEW_PAYMENTS_PER_MINUTE = 1000
    calls = [partial(debt.start, method) for method in ("qr", "redirect")] * 20
    results = at_once(calls)
    assert [r for r in results if not isinstance(r, Started)] == []
    assert Payment.objects.filter(role=Role.LIVE).count() <= 1
    known = set(Payment.objects.values_list("reference", flat=True))
    assert {p["reference"] for p in bank.payments()} <= known
    assert pay_whatever_is_open(bank)
    sweeping.sweep(now=in_a_minute())
    assert bank.net() == OWED
    assert Payment.objects.filter(role=Role.SETTLING).count() == 1


def test_two_methods_asked_for_at_the_same_moment_open_one_payment(debt, bank, line):
    """The second asks for another method while the first is unanswered: it gets the first's."""
    with line.holding("POST /v1/payments"):
        results = at_once([partial(debt.start, m) for m in ("qr", "redirect", "card")] * 7)
    assert len({r.payment.reference for r in results}) == 1
    assert sorted(r.status for r in results) == [200] * 20 + [201]
    assert len(bank.payments()) == 1


def two_captures(debt, bank) -> list[Any]:
    """Both attempts are paid at the bank, and both answers are here but not recorded."""
    bank.faults(lose_notification=1.0)
    references = [debt.start(method).payment.reference for method in ("redirect", "qr")]
    calls = []
    for reference in references:
        bank.pay(reference)
        payment = Payment.objects.select_related("intent", "same_attempt_as").get(
            reference=reference
        )
        answer = asking.query(payment, now=timezone.now())
        told: dict[str, Any] = {"outcome": answer.outcome, "source": "poll", "now": answer.at}
        calls.append(partial(record_outcome, reference=reference, **told))
    return calls


def test_two_captures_recorded_at_once_settle_one_and_send_one_back(debt, bank):
    results = at_once(two_captures(debt, bank) * 10)
    assert [r for r in results if not isinstance(r, Payment)] == []
    assert sorted(p.state for p in debt.all()) == ["captured", "surplus"]
    assert Refund.objects.count() == 1
    at_once([partial(sweeping.sweep, now=in_a_minute())] * 4)
    assert kinds(bank) == ["charge", "charge", "refund"]
    assert bank.net() == OWED


WAITS_FOR_US = """
    SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted
        AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""


def test_an_outcome_waits_for_whoever_holds_the_intent(debt, bank):
    """Nobody races here: the lock is held, and the outcome stands before it or goes through."""
    _, capture = two_captures(debt, bank)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            PaymentIntent.objects.lock().get()
            recorded = pool.submit(at_once, [capture])
            waits = False
            while not (waits or recorded.done()):
                time.sleep(0.02)
                cursor.execute(WAITS_FOR_US)
                (waits,) = cursor.fetchone()
            assert waits
        assert recorded.result(10)[0].state == "captured"


def test_the_same_capture_recorded_forty_times_at_once_is_booked_once(debt, bank):
    _, capture = two_captures(debt, bank)
    at_once([capture] * 40)
    assert StateChange.objects.filter(subject="payment", to_state="captured").count() == 1
    assert (Refund.objects.count(), Payment.objects.count()) == (0, 2)
    assert Payment.objects.get(role=Role.SETTLING).captured_minor == OWED


def test_the_same_notification_delivered_and_followed_at_once_is_one(debt, bank):
    bank.faults(lose_notification=1.0)
    reference = debt.start("qr").payment.reference
    bank.pay(reference)
    delivery = RawRequest("POST", "/", "", *bank.notification(reference))
    at_once([partial(inbox.receive, "sandbox", delivery, now=timezone.now())] * 20)
    note = Notification.objects.get()
    at_once([partial(inbox.process, note.pk, now=timezone.now())] * 20)
    assert StateChange.objects.filter(subject="payment", to_state="captured").count() == 1
    assert bank.net() == OWED


def debts(number: int) -> list[Debt]:
    return [Debt(f"PO-RACE-{position}") for position in range(number)]


def test_closing_against_paying_ends_closed_or_paid(bank):
    """Twenty orders, each cancelled and paid at the same moment."""
    bank.faults(lose_notification=1.0)
    owing = debts(20)
    references = [debt.start("qr").payment.reference for debt in owing]
    calls: list[Callable[[], Any]] = [debt.close for debt in owing]
    calls += [partial(bank.pay, reference) for reference in references]
    results = at_once(calls)
    for debt, reference, said, paid in zip(
        owing, references, results[:20], results[20:], strict=True
    ):
        if paid.status_code == 200:
            assert said is not Closing.CLOSED
            assert debt.close() is Closing.PAID
            assert bank.net(reference) == OWED
        else:
            assert (said, bank.net(reference)) == (Closing.CLOSED, 0)


def test_closing_while_the_capture_is_recorded_never_closes_what_is_paid(bank):
    bank.faults(lose_notification=1.0)
    owing = debts(10)
    references = [debt.start("qr").payment.reference for debt in owing]
    for reference in references:
        bank.pay(reference)
    calls: list[Callable[[], Any]] = [debt.close for debt in owing]
    calls += [
        partial(services.refresh_payment, reference=reference, now=timezone.now())
        for reference in references
    ]
    results = at_once(calls)
    assert set(results[:10]) <= {Closing.PAID, Closing.WAITING}
    assert [debt.close() for debt in owing] == [Closing.PAID] * 10
    assert set(Payment.objects.values_list("state", flat=True)) == {"captured"}


def test_staff_who_refund_what_is_going_back_by_itself_add_nothing(debt, bank):
    for capture in two_captures(debt, bank):
        capture()
    going = Refund.objects.get()
    staff = [
        partial(
            services.refund_payment,
            payment_reference=going.payment.reference,
            amount_minor=OWED,
            refunded_so_far_minor=seen,
            reason="paid twice",
            actor="ann",
            claim=None,
            now=timezone.now(),
        )
        for seen in (0, OWED)
    ]
    itself: list[Callable[[], Any]] = [
        partial(refunding.drive, going.reference, now=in_a_minute()),
        partial(sweeping.sweep, now=in_a_minute()),
    ]
    results = at_once([*staff * 5, *itself * 5])
    assert {type(r) for r in results[:10]} == {RefundedMeanwhile, RefundTooLarge}
    sweeping.sweep(now=in_a_minute() + timedelta(minutes=1))
    assert kinds(bank) == ["charge", "charge", "refund"]
    assert (Refund.objects.get().state, bank.net()) == ("done", OWED)


def test_sweeps_at_once_ask_about_each_payment_once(bank, line):
    bank.faults(lose_notification=1.0)
    references = [debt.start("qr").payment.reference for debt in debts(12)]
    for reference in references:
        bank.pay(reference)
    now = timezone.now() + timedelta(seconds=5)
    swept = at_once([partial(sweeping.sweep, now=now)] * 4)
    assert sum(run["payments"] for run in swept) == 12
    assert line.count("GET") == 12
    assert set(Payment.objects.values_list("state", flat=True)) == {"captured"}


def test_a_sweep_takes_what_another_does_not_hold_and_waits_for_nobody(bank):
    references = {debt.start("qr").payment.reference for debt in debts(6)}
    claim = partial(polling.claim_due, Payment, now=timezone.now() + timedelta(seconds=5))
    with transaction.atomic():
        mine = set(claim(limit=2))
        (theirs,) = at_once([partial(claim, limit=10)])
    assert (len(mine), mine | set(theirs)) == (2, references)
    assert mine.isdisjoint(theirs)
    assert claim(limit=10) == []


@pytest.fixture
def listening_orders(settings: Any) -> None:
    """The whole shop listens, as in production."""
    settings.OUTBOX_SUBSCRIBERS = SUBSCRIBERS


def test_everything_at_once_over_the_same_goods_never_deadlocks(bank, listening_orders, settings):
    """Pay, check, cancel, sweep, relay and expire twelve orders of the same three goods."""
    goods = [ProductFactory(stock=100) for _ in range(3)]
    placed = [place(*((good, 1) for good in goods[::way])) for way in (1, -1) * 6]
    now = in_a_minute()
    for order in placed:
        started = _pay(order)
        if order.pk % 3:
            bank.pay(started.payment.reference)
    calls: list[Callable[[], Any]] = []
    for order in placed:
        calls += [
            partial(_pay, order),
            partial(orders.check_order, public_id=order.public_id, now=now),
            partial(orders.cancel_order, public_id=order.public_id, now=now),
        ]
    calls += [partial(sweeping.sweep, now=now), partial(outbox.relay, now=now)] * 3
    calls += [partial(orders.expire_unpaid_orders, now=now + timedelta(hours=2))] * 2
    results = at_once(calls)
    wrong = [r for r in results if isinstance(r, Exception) and not isinstance(r, Problem)]
    assert [r for r in wrong if isinstance(r, OperationalError)] == []
    assert wrong == []
    _settle_down(now)
    for order in Order.objects.all():
        references = [p.reference for p in services.list_payments(order_reference=order.number)]
        expected = order.total_minor if order.state == "paid" else 0
        assert (order.state, bank.net(*references)) in {("paid", expected), ("cancelled", 0)}
    sold = Order.objects.filter(state="paid").count()
    assert {good.stock_sold for good in Product.objects.all()} == {sold}
    assert {good.stock_reserved for good in Product.objects.all()} == {0}


def _pay(order: Order) -> Started:
    return orders.pay_order(public_id=order.public_id, method="qr", claim=None, now=timezone.now())


def _settle_down(now: datetime) -> None:
    """Let what is due happen, each round later than the last, until nothing moves."""
    for round_number in range(1, 6):
        later = now + timedelta(hours=3 * round_number)
        sweeping.sweep(now=later)
        outbox.relay(now=later)
        orders.expire_unpaid_orders(now=later)
