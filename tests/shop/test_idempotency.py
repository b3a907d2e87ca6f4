"""One key is one effect and one answer: to the letter of the IETF draft, without Redis too."""

import copy
import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import transaction
from django.test import Client, RequestFactory
from django.utils import timezone
from rest_framework.authtoken.models import Token

from orders.models import Order
from payments.models import Payment, Refund
from shop import idempotency
from shop.idempotency import Claim, KeyInFlight, KeyMalformed, KeyMissing, KeyReused, Replay
from shop.models import IdempotencyKey
from tests.factories import place
from tests.orders.races import at_once
from tests.orders.story import paid_order
from tests.payments.conftest import forget_adapters

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "a-key-of-visible-ascii-0123456789"


def claim(body: str = "body", *, scope: str = "POST /somewhere/", key: str = KEY) -> Claim:
    return Claim(scope, key, idempotency.fingerprint({"body": body}))


def take(wanted: Claim, seconds: float = 0) -> None:
    with transaction.atomic():
        wanted.take(now=timezone.now() + timedelta(seconds=seconds))


def store(wanted: Claim, status: int = 201, body: Any = "the first answer") -> None:
    with transaction.atomic():
        wanted.store(status, body, now=timezone.now())


def post(path: str, body: dict[str, Any], key: str | None = KEY, **headers: str) -> Any:
    client = Client(raise_request_exception=False)
    sent = headers if key is None else {"Idempotency-Key": key, **headers}
    return client.post(path, json.dumps(body), content_type="application/json", headers=sent)


def pay(order: Order, method: str = "qr", key: str | None = KEY) -> Any:
    return post(f"/api/v1/orders/{order.public_id}/payments/", {"method": method}, key)


def without_redis() -> None:
    cache.clear()


# --- the header ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["!" * 16, "~" * 128, KEY])
def test_a_key_has_16_to_128_visible_ascii_characters(key):
    request = RequestFactory().post("/", headers={"Idempotency-Key": key})
    assert idempotency.key_of(request) == key


@pytest.mark.parametrize("key", ["", "x" * 15, "x" * 129, "with a space 0123456789", "ü" * 20])
def test_any_other_key_is_malformed(key):
    request = RequestFactory().post("/", headers={"Idempotency-Key": key})
    with pytest.raises(KeyMalformed):
        idempotency.key_of(request)


def test_a_write_without_a_key_is_refused_and_changes_nothing(bank):
    with pytest.raises(KeyMissing):
        idempotency.key_of(RequestFactory().post("/"))
    refused = pay(place(), key=None)
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")
    assert refused.json()["type"].endswith("idempotency-key-missing")
    assert (Payment.objects.count(), bank.payments()) == (0, [])


# --- one key, one body --------------------------------------------------------------------------


def test_the_same_body_is_the_same_however_it_is_spelled():
    spellings = ['{"a":1,"b":[{"c":"é"}]}', '{ "b" : [{"c":"\\u00e9"}], "a" : 1 }']
    assert len({idempotency.fingerprint(json.loads(text)) for text in spellings}) == 1
    others: list[dict[str, Any]] = [{"a": 1}, {"a": "1"}, {"a": True}, {"a": [1]}, {"b": 1}, {}]
    assert len({idempotency.fingerprint(body) for body in others}) == len(others)


def test_the_first_answer_is_given_again():
    take(claim())
    store(claim())
    with pytest.raises(Replay) as again:
        take(claim())
    assert (again.value.status, again.value.body) == (201, "the first answer")


def test_the_first_answer_stays_whatever_happens_later():
    take(claim())
    store(claim())
    with pytest.raises(Replay):
        take(claim(), seconds=47 * 3600)


def test_another_body_under_the_same_key_is_refused_before_and_after_the_answer():
    take(claim())
    with pytest.raises(KeyReused):
        take(claim("another"))
    with pytest.raises(KeyReused):
        take(claim("another"), seconds=3600)
    store(claim())
    with pytest.raises(KeyReused):
        take(claim("another"))


def test_the_same_key_for_another_operation_is_another_key():
    take(claim())
    take(claim(scope="POST /elsewhere/"))
    assert IdempotencyKey.objects.count() == 2


# --- while the first is under way, and when it died ---------------------------------------------


def test_a_repeat_while_the_first_is_under_way_is_told_when_to_come_again():
    take(claim())
    with pytest.raises(KeyInFlight) as busy:
        take(claim())
    assert (busy.value.status, busy.value.retry_after_seconds) == (409, 3)


def test_a_request_that_died_is_taken_over_after_its_lease_by_one():
    take(claim())
    with pytest.raises(KeyInFlight):
        take(claim(), seconds=29)
    results = at_once([partial(take, claim(), 31)] * 20)
    assert results.count(None) == 1
    assert sum(isinstance(result, KeyInFlight) for result in results) == 19
    assert IdempotencyKey.objects.get().tries == 2


def test_an_answer_is_kept_only_with_what_it_tells():
    take(claim())
    with transaction.atomic():
        claim().store(201, "an effect that was rolled back", now=timezone.now())
        transaction.set_rollback(True)
    with pytest.raises(KeyInFlight):
        take(claim())


def test_a_refused_effect_leaves_no_key_behind():
    with transaction.atomic():
        claim().take(now=timezone.now())
        transaction.set_rollback(True)
    take(claim())
    assert IdempotencyKey.objects.get().tries == 1


def test_a_repeat_in_flight_gets_409_and_retry_after_over_http(bank):
    order = place()
    scope = f"POST /api/v1/orders/{order.public_id}/payments/"
    take(Claim(scope, KEY, idempotency.fingerprint({"method": "qr"})))
    busy = pay(order)
    assert (busy.status_code, busy["Retry-After"]) == (409, "3")
    assert busy.json()["type"].endswith("idempotency-key-in-flight")
    assert bank.payments() == []


# --- over HTTP, with the bank -------------------------------------------------------------------


@pytest.mark.parametrize("forget", [lambda: None, without_redis], ids=["redis", "database"])
def test_a_payment_is_answered_the_same_by_redis_and_by_the_database(bank, forget):
    order = place()
    first = pay(order)
    forget()
    again = pay(order)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert first.status_code == 201
    forget()
    assert pay(order, "card").status_code == 422
    assert len(bank.payments()) == 1


def test_a_mistake_of_ours_is_no_answer_and_the_same_key_goes_on(bank, settings):
    order = place()
    settings.PAYMENT_GATEWAYS = copy.deepcopy(settings.PAYMENT_GATEWAYS)
    settings.PAYMENT_GATEWAYS["sandbox"]["adapter"] = "tests.shop.broken_bank.BrokenGateway"
    forget_adapters()
    assert pay(order).status_code == 500
    assert IdempotencyKey.objects.get(key=KEY).status is None
    settings.PAYMENT_GATEWAYS["sandbox"]["adapter"] = "payments.gateways.sandbox.SandboxGateway"
    forget_adapters()
    past = timezone.now() - timedelta(seconds=1)
    IdempotencyKey.objects.update(lease_until=past)
    Payment.objects.update(lease_until=past)
    resumed = pay(order)
    assert (resumed.status_code, resumed.json()["state"]) == (200, "open")
    without_redis()
    assert pay(order).json() == resumed.json()
    assert len(bank.payments()) == Payment.objects.count() == 1


@pytest.mark.parametrize("redis", [True, False], ids=["with redis", "without"])
def test_twenty_payments_at_once_with_one_key_are_one_effect(bank, monkeypatch, redis):
    order = place()
    if not redis:
        monkeypatch.setattr("shop.courtesy.pause.until", float("inf"))
    answers = at_once([partial(pay, order)] * 20)
    statuses = {answer.status_code for answer in answers}
    assert 201 in statuses
    assert statuses <= {201, 409}
    assert all(a["Retry-After"] for a in answers if a.status_code == 409)
    assert len({a.json()["reference"] for a in answers if a.status_code == 201}) == 1
    assert len(bank.payments()) == Payment.objects.count() == 1


def test_twenty_refunds_at_once_with_one_key_send_the_money_back_once(bank):
    paid_order(bank)
    reference = Payment.objects.get().reference
    ann = staff("ann")
    answers = at_once([partial(refund, ann, reference)] * 20)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert refund(ann, reference).status_code == 201
    assert [row["kind"] for row in bank.ledger()] == ["charge", "refund"]
    assert Refund.objects.count() == 1


def test_the_key_of_one_member_of_staff_says_nothing_about_anothers(bank):
    paid_order(bank)
    reference = Payment.objects.get().reference
    assert refund(staff("ann"), reference).status_code == 201
    assert refund(staff("ben"), reference).status_code == 409  # refunded meanwhile
    assert [row["kind"] for row in bank.ledger()] == ["charge", "refund"]


def staff(name: str) -> Any:
    person = get_user_model().objects.create_user(name, password="correct-horse", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="refund_payment"))
    return Token.objects.create(user=person).key


def refund(token: Any, reference: str) -> Any:
    body = {"amount_minor": 100, "refunded_so_far_minor": 0, "reason": "a scratch"}
    path = f"/api/v1/payments/{reference}/refunds/"
    return post(path, body, Authorization=f"Token {token}")
