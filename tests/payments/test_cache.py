"""The cached answer spares the database a question; it never tells a secret or another's answer."""

import pytest
from django.utils import timezone
from django_redis import get_redis_connection

from payments import services
from payments.problems import PaymentAlreadySettled
from shop import courtesy
from shop.idempotency import Claim, Replay
from tests.statements import counted


def key(text: str = "k" * 16) -> Claim:
    return Claim("POST /payments/", text, "0" * 64)


def everything_in_redis() -> bytes:
    redis = get_redis_connection("default")
    return b"".join(redis.get(name) or b"" for name in redis.keys("*"))


def test_a_client_token_is_never_cached(debt, bank):
    started = debt.start("card", claim=key()).payment
    token = started.presentation["client_token"]
    assert debt.start("card").payment.presentation["client_token"] == token
    assert token.encode() not in everything_in_redis()


def test_what_holds_no_secret_is_answered_without_the_database(debt, bank):
    first = debt.start("qr").payment
    with counted() as cost:
        again = debt.start("qr", claim=key()).payment
    assert (again.reference, again.presentation) == (first.reference, first.presentation)
    assert cost.round_trips == 0, cost


@pytest.mark.parametrize("method", ["qr", "card", "redirect"])
def test_the_first_answer_is_given_again_even_when_the_order_is_paid(debt, bank, method):
    first = debt.start(method, claim=key()).payment
    bank.pay(first.reference)
    services.refresh_payment(reference=first.reference, now=timezone.now())
    with pytest.raises(Replay) as again:
        debt.start(method, claim=key())
    assert (again.value.status, again.value.body) == (201, first.as_api())
    with pytest.raises(PaymentAlreadySettled):
        debt.start(method, claim=key("another-key-0123456789"))


def test_a_stale_copy_pays_nothing_twice(debt, bank):
    """Redis comes back from a pause with what it knew before."""
    first = debt.start("qr").payment
    bank.pay(first.reference)
    courtesy.pause.until = float("inf")  # Redis hears nothing of the capture
    services.refresh_payment(reference=first.reference, now=timezone.now())
    courtesy.pause.until = 0.0
    assert debt.start("qr").payment.reference == first.reference
    with pytest.raises(PaymentAlreadySettled):
        debt.start("card")
    assert len(bank.payments()) == 1
