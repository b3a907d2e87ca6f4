"""Whatever the shopper and the bank do, the order ends paid once: by the bank's ledger."""

import pytest


@pytest.mark.parametrize("method", ["qr", "redirect", "card"])
def test_an_order_is_paid_once(ada, method):
    reference = ada.pays_by(method).json()["reference"]
    ada.shop.bank.pay(reference)
    ada.waits_for("paid")
    assert ada.net() == ada.owes


def test_forty_clicks_with_forty_keys_make_one_payment(ada):
    answers = ada.clicks("qr", 40)
    assert sorted(a.status_code for a in answers) == [200] * 39 + [201]
    assert len({a.json()["reference"] for a in answers}) == 1
    assert all(a.elapsed.total_seconds() < 5 for a in answers)
    assert len(ada.shop.bank.payments()) == 1


def test_forty_clicks_while_the_bank_is_slow_still_make_one_payment(ada):
    ada.shop.bank.faults(delay_ms=2000)
    answers = ada.clicks("qr", 40)
    assert sorted(a.status_code for a in answers) == [200] * 39 + [201]
    assert len({a.json()["reference"] for a in answers}) == 1
    assert all(a.elapsed.total_seconds() < 5 for a in answers)


@pytest.mark.parametrize(
    "fault",
    [
        "lose_answer",
        "error_after",
        "lose_notification",
        "duplicate_notification",
        "reorder_notification",
    ],
)
def test_a_fault_of_the_bank_ends_in_one_payment(ada, fault):
    ada.shop.bank.faults(**{fault: 1.0})
    reference = ada.pays_by("qr").json()["reference"]
    ada.shop.bank.pay(reference)
    ada.shop.bank.faults()
    ada.waits_for("paid")
    assert ada.net() == ada.owes


def test_a_bank_that_fails_before_doing_anything_is_asked_again(ada):
    ada.shop.bank.faults(error_before=1.0)
    started = ada.pays_by("qr")
    assert (started.status_code, started.json()["state"]) == (201, "unknown")
    ada.shop.bank.faults()
    reference = ada.pays_by("qr").json()["reference"]
    assert reference == started.json()["reference"]
    ada.shop.bank.pay(reference)
    ada.waits_for("paid")
    assert ada.net() == ada.owes


def test_two_methods_both_paid_keep_one(ada):
    ada.shop.bank.faults(lose_notification=1.0)
    first = ada.pays_by("redirect").json()["reference"]
    second = ada.pays_by("qr").json()["reference"]
    ada.shop.bank.pay(first)
    ada.shop.bank.pay(second)
    ada.waits_for("paid")
    ada.comes_to(ada.owes)


def test_a_payment_after_cancelling_takes_the_goods_again(ada):
    reference = ada.pays_by("redirect").json()["reference"]
    assert ada.cancels().status_code == 202
    ada.shop.bank.pay(reference)
    ada.waits_for("paid")
    assert ada.net() == ada.owes


def test_cancelling_a_closable_payment_ends_the_order_and_its_qr(ada):
    reference = ada.pays_by("qr").json()["reference"]
    cancelled = ada.cancels()
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert ada.shop.bank.pay(reference).status_code == 409
    assert ada.net() == 0


def test_the_same_key_is_answered_the_same(ada):
    key = "the-same-key-0123456789"
    first, again = ada.pays_by("qr", key), ada.pays_by("qr", key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert ada.pays_by("card", key).status_code == 422


def test_a_dead_qr_that_is_paid_all_the_same_is_recognised(ada):
    ada.shop.bank.faults(refuse_close=1.0)
    old = ada.pays_by("redirect").json()["reference"]
    new = ada.pays_by("card").json()["reference"]
    assert old != new
    ada.shop.bank.pay(old)
    ada.waits_for("paid")
    ada.comes_to(ada.owes)
