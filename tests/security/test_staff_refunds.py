"""Staff, and those who would like to be: money goes back once, by right, and never too much."""

from __future__ import annotations

from typing import Any

import pytest

from payments.models import Payment, Refund
from shop.models import IdempotencyKey
from tests.factories import new_key
from tests.orders.story import paid_order, pay, refund
from tests.security.census import nothing_changes
from tests.security.conftest import signed_in, staff, with_token
from tests.security.hand import kind, send

pytestmark = pytest.mark.django_db

RIGHT = "payments.refund_payment"


@pytest.fixture
def payment(paid: Any) -> Payment:
    return Payment.objects.get()


@pytest.fixture
def refunder(db: None) -> Any:
    return with_token(staff("refunder", RIGHT))


def door(payment: Payment) -> str:
    return f"/api/v1/payments/{payment.reference}/refunds/"


def asking(amount: Any = 100, so_far: Any = 0, reason: Any = "broken mug") -> dict[str, Any]:
    return {"amount_minor": amount, "refunded_so_far_minor": so_far, "reason": reason}


STRANGERS = {
    "nobody": {},
    "an invented token": {"Authorization": "Token " + "0" * 40},
    "no token": {"Authorization": "Token"},
    "two tokens": {"Authorization": "Token a b"},
    "another scheme": {"Authorization": "Basic c3RhZmY6c3RhZmY="},
    "an odd token": {"Authorization": "Token ÿü"},
    "a session out of the air": {"Cookie": "session=" + "a" * 32},
}


@pytest.mark.parametrize("name", STRANGERS)
@pytest.mark.parametrize("last", ["refunds/", "refresh/"])
def test_strangers_are_refused_whether_the_payment_is_there_or_not(
    guest, payment, bank, security_log, name, last
):
    with nothing_changes(bank):
        for reference in (payment.reference, "Z" * 26):
            path = f"/api/v1/payments/{reference}/{last}"
            answer = send(guest, path, asking(), headers=STRANGERS[name])
            assert kind(answer) == (401, "not-authenticated")
            assert answer["WWW-Authenticate"] == "Token"
    assert len(security_log.lines) == 2
    assert payment.reference not in security_log.lines[0]


@pytest.mark.parametrize("rights", [(), ("payments.view_payment",), ("payments.change_payment",)])
@pytest.mark.parametrize("enter", [signed_in, with_token])
def test_staff_without_the_right_send_nothing_back(payment, bank, security_log, rights, enter):
    client = enter(staff("clerk", *rights))
    with nothing_changes(bank):
        assert kind(send(client, door(payment), asking())) == (403, "forbidden")
    assert security_log.has_one_line("clerk", payment.reference)


def test_the_right_without_being_staff_is_no_right(payment, bank):
    person = staff("outsider", RIGHT)
    type(person).objects.filter(pk=person.pk).update(is_staff=False)
    client = with_token(person)
    with nothing_changes(bank):
        assert send(client, door(payment), asking()).status_code == 403


@pytest.mark.parametrize(
    "amount", [0, -1, 2000, 10**12 + 1, 2**31, 2**63, 0.1, 1e3, "100", "1 ", True, None, [1], {}]
)
def test_an_amount_that_cannot_go_back_does_not(refunder, payment, bank, amount, security_log):
    with nothing_changes(bank):
        assert send(refunder, door(payment), asking(amount)).status_code == 400
    assert security_log.has_one_line(payment.reference)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"amount_minor": 100},
        {"amount_minor": 100, "refunded_so_far_minor": 0},
        asking(reason=""),
        asking(reason="x" * 201),
        asking(reason=["x"]),
        asking(reason=True),
        asking(so_far=-1),
        asking(so_far="0"),
        asking(so_far=False),
        "[" * 100_000,
        '{"amount_minor": NaN}',
        '{"amount_minor": ' + "9" * 5000 + "}",
        '{"reason": "\\u0000"}',
        '{"reason": "\\ud800"}',
        "[]",
        "null",
        b"\xff\xfe",
        "",
    ],
    ids=lambda body: repr(body)[:40],
)
def test_a_body_that_is_no_refund_sends_nothing_back(refunder, payment, bank, body):
    with nothing_changes(bank):
        data = body if isinstance(body, (str, bytes)) else body or "{}"
        assert send(refunder, door(payment), data).status_code == 400


@pytest.mark.parametrize("reference", ["0", "%00", "x" * 26, "Z" * 26, "1" * 5000, "' OR 1=1 --"])
def test_a_payment_that_is_not_there_is_not_found(refunder, payment, bank, reference):
    client = with_token(staff("viewer", "payments.view_payment"))
    with nothing_changes(bank):
        answers = [
            send(refunder, f"/api/v1/payments/{reference}/refunds/", asking()),
            send(client, f"/api/v1/payments/{reference}/refresh/"),
        ]
    assert [kind(answer) for answer in answers] == [(404, "not-found")] * 2
    assert len({answer.content for answer in answers}) == 1


def test_currency_state_and_receiver_are_not_the_senders_to_choose(refunder, payment, bank):
    more = {"currency": "KWD", "state": "done", "payment": "Z" * 26, "kind": "manual", "iban": "X"}
    send(refunder, door(payment), asking() | more)
    row = Refund.objects.get()
    assert (row.currency, row.kind, row.payment, row.amount_minor) == ("EUR", "staff", payment, 100)
    assert row.actor == "refunder"


def test_what_was_never_paid_does_not_go_back(refunder, order, bank):
    pay(order)
    with nothing_changes(bank):
        answer = send(refunder, door(Payment.objects.get()), asking())
    assert kind(answer) == (400, "not-refundable")


def test_what_went_back_in_full_does_not_go_back_again(refunder, payment, bank):
    refund(payment.reference, 1999, 0)
    with nothing_changes(bank):
        assert kind(send(refunder, door(payment), asking(1, 1999))) == (400, "refund-too-large")
        stale = send(refunder, door(payment), asking(1, 0))
    assert kind(stale) == (409, "refunded-meanwhile")
    assert stale.json()["refunded_so_far_minor"] == 1999


def test_two_of_the_staff_with_the_same_partial_refund_send_it_once(payment, bank):
    first, second = (with_token(staff(name, RIGHT)) for name in ("first", "second"))
    assert send(first, door(payment), asking()).status_code == 201
    with nothing_changes(bank):
        answer = send(second, door(payment), asking())
    assert kind(answer) == (409, "refunded-meanwhile")
    assert answer.json()["refunded_so_far_minor"] == 100
    assert bank.net(payment.reference) == 1899


def test_a_form_sent_twice_is_one_refund_and_the_same_answer(refunder, payment, bank):
    key = new_key()
    first = send(refunder, door(payment), asking(), key=key)
    with nothing_changes(bank):
        again = send(refunder, door(payment), asking(), key=key)
        other = send(refunder, door(payment), asking(200), key=key)
    assert (again.status_code, again.json()["reference"]) == (201, first.json()["reference"])
    assert kind(other) == (422, "idempotency-key-reused")
    assert Refund.objects.count() == 1


def test_a_key_answers_nobody_but_who_used_it(payment, bank):
    key = new_key()
    mine, theirs = (with_token(staff(name, RIGHT)) for name in ("mine", "theirs"))
    clerk = with_token(staff("clerk"))
    send(mine, door(payment), asking(), key=key)
    with nothing_changes(bank):
        answer = send(theirs, door(payment), asking(), key=key)
        powerless = send(clerk, door(payment), asking(), key=key)
    assert kind(answer) == (409, "refunded-meanwhile")
    assert powerless.status_code == 403


def test_a_key_belongs_to_one_payment(refunder, bank, payment):
    other = paid_order(bank)
    key = new_key()
    second = Payment.objects.exclude(pk=payment.pk).get()
    answers = [send(refunder, door(p), asking(), key=key) for p in (payment, second)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["reference"] for answer in answers}) == 2
    assert other.number == second.intent.order_reference


@pytest.mark.parametrize(
    "key", ["", "short", "x" * 129, "x" * 300, "sixteen chars öö", "a" * 15 + "\n"]
)
@pytest.mark.parametrize("last", ["refunds/", "refresh/"])
def test_a_write_of_staff_needs_a_proper_key(refunder, payment, bank, key, last, chief):
    client = with_token(chief)
    with nothing_changes(bank):
        path = f"/api/v1/payments/{payment.reference}/{last}"
        answer = send(client, path, asking(), headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert not IdempotencyKey.objects.filter(key=key).exists()


def test_answers_about_money_are_kept_by_nobody(refunder, payment, chief):
    done = send(refunder, door(payment), asking())
    asked = send(with_token(chief), f"/api/v1/payments/{payment.reference}/refresh/")
    assert (done.status_code, asked.status_code) == (201, 200)
    for answer in (done, asked):
        assert "no-store" in answer["Cache-Control"]
