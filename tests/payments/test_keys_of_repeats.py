"""A key that was answered with the live payment keeps that answer, like any other key."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payments.models import Payment
from payments.recording import live_cache_name
from shop import courtesy
from shop.idempotency import Claim, KeyInFlight, KeyReused, Replay
from shop.models import IdempotencyKey


def claim(key: str, body: str = "qr") -> Claim:
    return Claim("POST pay", f"{key}-0123456789abcdef", body.ljust(64, "0"))


@pytest.fixture(params=["with Redis", "without Redis"])
def redis(request, monkeypatch) -> str:
    if request.param == "without Redis":
        monkeypatch.setattr(courtesy.pause, "until", time.monotonic() + 600)
    return str(request.param)


def test_the_key_of_a_repeat_replays_its_answer(debt, bank, redis):
    first = debt.start("qr", claim=claim("one"))
    shown = debt.start("qr", claim=claim("two"))
    assert (first.status, shown.status) == (201, 200)
    bank.pay(first.payment.reference)
    with pytest.raises(Replay) as again:
        debt.start("qr", claim=claim("two"))
    assert (again.value.status, again.value.body) == (200, shown.payment.as_api())


def test_the_key_of_a_repeat_with_another_body_changes_nothing(debt, bank, redis):
    debt.start("qr", claim=claim("one"))
    debt.start("qr", claim=claim("two"))
    with pytest.raises(KeyReused):
        debt.start("card", claim=claim("two", "card"))
    assert list(Payment.objects.values_list("method", flat=True)) == ["qr"]


def test_a_key_that_was_told_to_wait_is_told_the_payment_later(debt, bank):
    bank.faults(lose_answer=1.0)
    debt.start("qr", claim=claim("one"))
    somebody_is_at_it = timezone.now() + timedelta(seconds=10)
    Payment.objects.update(lease_until=somebody_is_at_it)
    waiting = debt.start("qr", claim=claim("two"))
    assert (waiting.payment.presentation, waiting.retry_after_seconds) == (None, 2)
    bank.faults()
    later = timezone.now() + timedelta(seconds=30)
    assert debt.start("qr", claim=claim("two"), now=later).payment.presentation is not None


def test_a_cached_repeat_asks_the_database_nothing(debt, bank):
    debt.start("qr", claim=claim("one"))
    with CaptureQueriesContext(connection) as queries:
        debt.start("qr", claim=claim("two"))
        with pytest.raises(Replay):
            debt.start("qr", claim=claim("two"))
    assert len(queries) == 0
    assert IdempotencyKey.objects.count() == 1


def test_the_key_of_a_request_that_died_is_answered_once_its_payment_is_there(debt, bank, redis):
    """It wrote its key, opened the payment and never answered; the sweep went on without it."""
    first = claim("one")
    now = timezone.now()
    payment = debt.start("qr").payment
    courtesy.drop(live_cache_name(debt.reference))
    first.take(now=now)
    with pytest.raises(KeyInFlight):
        debt.start("qr", claim=first, now=now + timedelta(seconds=5))
    later = now + timedelta(seconds=60)
    shown = debt.start("qr", claim=first, now=later)
    assert (shown.status, shown.payment.reference) == (200, payment.reference)
    with pytest.raises(Replay) as again:
        debt.start("qr", claim=first, now=later)
    assert again.value.body == shown.payment.as_api()
