"""Money that moves only when we take it: agreed to, wanted, taken once, or left alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from payments import asking, outcomes, polling, sweeping
from payments.gateways import base
from payments.models import Payment
from tests.stateful.bank import Bank
from tests.stateful.gateway import SCRIPT, Fate
from tests.stateful.shop import scripted


@pytest.fixture
def consent(settings: Any) -> Iterator[Bank]:
    """The shop with a bank in memory whose `consent` waits for our capture."""
    with scripted(settings):
        SCRIPT.clock.now = timezone.now()
        yield SCRIPT.bank


def agreed(debt: Any, bank: Any) -> str:
    reference: str = debt.start("consent").payment.reference
    bank.pay(bank.find(reference))
    assert bank.charges(debt.reference) == []
    return reference


def row() -> Payment:
    return Payment.objects.get()


def later(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def test_what_the_shopper_agreed_to_is_taken_by_whoever_hears_of_it(debt, consent):
    reference = agreed(debt, consent)
    polling.ask_after_hint(reference, now=timezone.now())
    assert row().state == "captured"
    assert len(consent.charges(debt.reference)) == 1


def test_the_wish_is_on_disk_before_the_money_is_taken(debt, consent, monkeypatch):
    reference = agreed(debt, consent)
    seen: list[tuple[bool, int, bool]] = []
    take = consent.capture

    def look(name: str) -> Any:
        now = row()
        seen.append((now.capture_wanted_at is not None, now.send_count, connection.in_atomic_block))
        return take(name)

    monkeypatch.setattr(consent, "capture", look)
    polling.ask_after_hint(reference, now=timezone.now())
    assert seen == [(True, 2, False)]


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.UNREACHED, Fate.LATE])
def test_a_capture_without_an_answer_is_repeated_under_its_key(debt, consent, fate):
    reference = agreed(debt, consent)
    SCRIPT.fates = [Fate.ANSWERED, fate]
    polling.ask_after_hint(reference, now=timezone.now())
    assert row().state == "open"
    key = row().capture_key
    consent.deliver_late_requests()
    sweeping.sweep(now=later(60))
    assert (row().state, row().capture_key) == ("captured", key)
    assert len(consent.charges(debt.reference)) == 1


def test_a_process_that_dies_after_its_wish_leaves_it_to_the_sweep(debt, consent, monkeypatch):
    reference = agreed(debt, consent)
    with monkeypatch.context() as power:
        power.setattr(asking, "capture", _cut)
        with pytest.raises(KeyboardInterrupt):
            polling.ask_after_hint(reference, now=timezone.now())
    sweeping.sweep(now=later(5))
    assert consent.charges(debt.reference) == [], "somebody may still be at it"
    sweeping.sweep(now=later(60))
    assert row().state == "captured"


def _cut(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_what_is_being_closed_is_not_taken(debt, consent):
    reference = agreed(debt, consent)
    SCRIPT.fates = [Fate.UNREACHED]
    debt.close()
    polling.ask_after_hint(reference, now=timezone.now())
    sweeping.sweep(now=later(60))
    assert row().state == "closed"
    assert consent.charges(debt.reference) == []


def test_another_method_instead_leaves_what_was_agreed_to(debt, consent):
    agreed(debt, consent)
    debt.start("qr", now=later(1))
    sweeping.sweep(now=later(60))
    assert [p.state for p in debt.all()] == ["closed", "open"]
    assert consent.charges(debt.reference) == []


def test_while_a_capture_is_in_doubt_no_close_is_certain(debt, consent):
    reference = agreed(debt, consent)
    SCRIPT.fates = [Fate.ANSWERED, Fate.LATE]
    polling.ask_after_hint(reference, now=timezone.now())
    debt.start("qr", now=later(30))
    assert [p.state for p in debt.all()] == ["superseded", "open"]
    consent.deliver_late_requests()
    sweeping.sweep(now=later(60))
    assert [p.state for p in debt.all()] == ["captured", "closed"]


def test_a_verdict_from_before_the_capture_is_not_believed(debt, consent):
    reference = agreed(debt, consent)
    asked = Payment.objects.get()
    polling.ask_after_hint(reference, now=timezone.now())
    stale = outcomes.outcome_of(
        base.Snapshot(base.State.CLOSED), asked, horizon=timedelta(0), now=timezone.now()
    )
    assert stale.asked_send_count < row().send_count


def test_a_capture_that_took_nothing_lets_the_shopper_agree_anew(debt, consent):
    reference = agreed(debt, consent)
    first = Payment.objects.get().capture_count
    consent.next_card_is_refused = True
    polling.ask_after_hint(reference, now=timezone.now())
    assert (row().state, row().capture_wanted_at) == ("open", None)
    assert row().note == "the wallet is empty"
    consent.pay(consent.find(reference))
    polling.ask_after_hint(reference, now=later(30))
    assert (row().state, row().capture_count) == ("captured", first + 2)
