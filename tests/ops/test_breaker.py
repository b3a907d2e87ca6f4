"""A gateway that is down is left alone: "checking", never "failed", and nothing new begins."""

import time
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from payments import breaker, polling, sweeping
from payments import services as payments
from payments.gateways import base
from payments.models import Payment, ReviewCase
from payments.problems import GatewayDown
from shop import courtesy
from tests.ops.conftest import a_minute_passes
from tests.payments.conftest import OWED, sweep_until

pytestmark = pytest.mark.usefixtures("quick_breaker")


def break_it(debt, bank) -> Payment:
    """One payment in doubt, and a breaker that has seen enough."""
    bank.faults(error_before=1.0)
    started = debt.start("qr")
    while not breaker.is_down("sandbox"):
        polling.ask_now(started.payment.reference, now=later_than_lease(), source="poll")
    return Payment.objects.get(reference=started.payment.reference)


def later_than_lease() -> datetime:
    return timezone.now() + timedelta(seconds=20)


def offered() -> list[str]:
    return [o.method for o in payments.offered_methods(amount_minor=OWED, currency="EUR")]


def test_unknowns_in_a_row_open_it_and_one_answer_between_them_does_not(debt, bank):
    mine = breaker.breaker("sandbox")
    for _ in range(2):
        mine.unanswered()
    mine.answered()
    mine.unanswered()
    assert not breaker.is_down("sandbox")
    mine.unanswered()
    mine.unanswered()
    assert breaker.is_down("sandbox")


def test_unknowns_far_apart_do_not_open_it(settings):
    settings.BREAKER_WINDOW_SECONDS = 0.05
    mine = breaker.breaker("sandbox")
    for _ in range(4):
        mine.unanswered()
        time.sleep(0.04)
    assert not breaker.is_down("sandbox")


def test_while_it_is_open_a_payment_is_in_doubt_and_never_failed(debt, line, bank):
    payment = break_it(debt, bank)
    assert payment.state == "unknown"
    asked = len(line.asked)
    with pytest.raises(breaker.Held):
        breaker.call("sandbox", "query", lambda gate: gate.statement)
    row = polling.ask_now(payment.reference, now=later_than_lease(), source="poll")
    assert (row.state, len(line.asked) - asked) == ("unknown", 0)
    assert ReviewCase.objects.count() == 0


def test_an_open_breaker_asks_nobody(debt, line, bank):
    payment = break_it(debt, bank)
    asked = len(line.asked)
    row = polling.ask_now(payment.reference, now=later_than_lease(), source="poll")
    assert len(line.asked) == asked
    assert "left alone" in row.last_error


def test_a_method_whose_gateway_is_down_is_not_offered(debt, bank):
    assert offered() == ["qr", "redirect", "card"]
    break_it(debt, bank)
    assert offered() == []


def test_a_new_start_is_refused_before_anything_is_written_or_sent(debt, line, bank):
    break_it(debt, bank)
    other = type(debt)("PO-TEST-2")
    asked = len(line.asked)
    with pytest.raises(GatewayDown) as refusal:
        other.start("redirect")
    assert refusal.value.status == 503
    assert refusal.value.retry_after_seconds in range(1, 61)
    assert other.all() == []
    assert len(line.asked) == asked


def test_a_start_beside_a_live_payment_shows_that_one(debt, bank):
    payment = break_it(debt, bank)
    shown = debt.start("qr")
    assert (shown.status, shown.payment.reference) == (200, payment.reference)
    assert shown.payment.state == "unknown"


def test_no_switch_gives_up_a_payment_for_one_that_cannot_be_opened(debt, line, bank):
    started = debt.start("qr")
    for _ in range(3):
        breaker.breaker("sandbox").unanswered()
    with pytest.raises(GatewayDown):
        debt.start("redirect")
    assert line.count(f"POST /v1/payments/{started.payment.reference}/close") == 0
    assert Payment.objects.get().close_wanted_at is None


def test_the_sweep_probes_and_the_first_answer_closes_it(debt, bank):
    payment = break_it(debt, bank)
    bank.faults()
    a_minute_passes()
    sweeping.sweep(now=timezone.now() + timedelta(minutes=10))
    assert not breaker.is_down("sandbox")
    assert Payment.objects.get(pk=payment.pk).state == "open"
    assert offered() == ["qr", "redirect", "card"]


def test_only_one_of_many_is_let_through_as_a_probe(debt, line, bank):
    payment = break_it(debt, bank)
    a_minute_passes()
    asked = len(line.asked)
    for _ in range(5):
        polling.ask_now(payment.reference, now=later_than_lease(), source="sweep")
    assert len(line.asked) - asked == 1


def test_after_a_while_without_failure_it_is_offered_again_and_a_start_is_the_probe(debt, bank):
    break_it(debt, bank)
    bank.faults()
    a_minute_passes()
    assert offered() == ["qr", "redirect", "card"]
    assert type(debt)("PO-TEST-2").start("redirect").payment.state == "open"
    assert breaker.breaker("sandbox").failed_at is None


def test_the_gateways_own_no_is_an_answer_and_opens_nothing(debt, bank):
    def no(gate: base.Gateway) -> None:
        raise base.Refused("limit")

    for _ in range(5):
        with pytest.raises(base.Refused):
            breaker.call("sandbox", "create", no)
    assert not breaker.is_down("sandbox")


def test_another_process_hears_of_it_and_of_its_end():
    mine, theirs = breaker.Breaker("sandbox"), breaker.Breaker("sandbox")
    for _ in range(3):
        mine.unanswered()
    assert theirs.is_down()
    mine.answered()
    theirs.heard_at = float("-inf")
    assert not theirs.is_down()


def test_without_redis_each_process_decides_for_itself(monkeypatch):
    monkeypatch.setattr(courtesy.pause, "until", time.monotonic() + 60)
    mine, theirs = breaker.Breaker("sandbox"), breaker.Breaker("sandbox")
    for _ in range(3):
        mine.unanswered()
    assert mine.is_down()
    assert not theirs.is_down()
    a_minute_passes(mine)
    mine.admit()  # the probe needs nobody's leave


def test_a_refund_waits_for_the_gateway_and_goes_out_once(debt, bank):
    started = debt.start("qr")
    bank.pay(started.payment.reference)
    payments.refresh_payment(reference=started.payment.reference, now=later_than_lease())
    for _ in range(3):
        breaker.breaker("sandbox").unanswered()
    refund = payments.refund_payment(
        payment_reference=started.payment.reference,
        amount_minor=500,
        refunded_so_far_minor=0,
        reason="sent back",
        actor="ada",
        claim=None,
        now=later_than_lease(),
    )
    assert refund.state == "sent"
    assert bank.net(started.payment.reference) == OWED
    a_minute_passes()
    sweep_until(lambda: bank.net(started.payment.reference) == OWED - 500)
    assert len(bank.ledger(started.payment.reference)) == 2
