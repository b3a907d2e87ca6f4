"""Money going back, in every course it can take."""

from __future__ import annotations

from tests.simulator.ear import wait_for
from tests.simulator.merchant import new_reference


def test_a_refund_is_done_at_once_and_stands_in_the_ledger(bank, merchant):
    payment = merchant.paid()
    answer = merchant.refund(payment, 1000)
    assert (answer.status_code, answer.json()["state"]) == (201, "done")
    assert bank.net(payment["reference"]) == 1500
    shown = merchant.shown(payment["reference"])
    assert shown["captures"][0]["refunded_minor"] == 1000
    assert [(r["amount_minor"], r["state"]) for r in shown["refunds"]] == [(1000, "done")]


def test_the_same_refund_again_sends_nothing_more(bank, merchant):
    payment, reference = merchant.paid(), new_reference()
    answers = [merchant.refund(payment, 1000, reference=reference) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert bank.net(payment["reference"]) == 1500


def test_a_refund_reference_is_never_used_for_another_amount(bank, merchant):
    payment, reference = merchant.paid(), new_reference()
    merchant.refund(payment, 1000, reference=reference)
    assert merchant.refund(payment, 999, reference=reference).status_code == 409
    assert bank.net(payment["reference"]) == 1500


def test_more_than_was_paid_is_never_refunded(bank, merchant):
    payment = merchant.paid()
    merchant.refund(payment, 2000)
    answer = merchant.refund(payment, 501)
    assert (answer.status_code, answer.json()) == (422, {"error": "over_refund"})
    assert merchant.refund(payment, 500).status_code == 201
    assert bank.net(payment["reference"]) == 0


def test_a_pending_refund_counts_against_the_balance(bank, merchant):
    payment = merchant.paid()
    bank.faults(refund_pending=1, refund_delay=1000)
    assert merchant.refund(payment, 2000).json()["state"] == "pending"
    assert merchant.refund(payment, 1000).json() == {"error": "over_refund"}
    assert bank.net(payment["reference"]) == 2500


def test_a_refund_of_an_unknown_transaction_or_another_currency_is_refused(bank, merchant):
    payment = merchant.paid()
    unknown = merchant.refund(payment, 100, transaction_id="txn_unknown")
    foreign = merchant.refund(payment, 100, currency="USD")
    assert [a.json()["error"] for a in (unknown, foreign)] == [
        "unknown_transaction",
        "wrong_currency",
    ]
    assert bank.net() == 2500


def test_a_pending_refund_is_done_later(bank, merchant, ear):
    payment = merchant.paid()
    bank.faults(refund_pending=1)
    refund = merchant.refund(payment, 2500).json()
    assert refund["state"] == "pending"
    wait_for(lambda: merchant.refund_state(refund["reference"]) == "done")
    assert bank.net(payment["reference"]) == 0
    wait_for(lambda: "refund.done" in ear.types())


def test_a_failed_refund_moves_no_money_and_frees_the_balance(bank, merchant, ear):
    payment = merchant.paid()
    bank.faults(refund_fail=1)
    refund = merchant.refund(payment, 2500).json()
    wait_for(lambda: merchant.refund_state(refund["reference"]) == "failed")
    assert bank.net(payment["reference"]) == 2500
    bank.faults()
    assert merchant.refund(payment, 2500).json()["state"] == "done"
    wait_for(lambda: ear.types().count("refund.failed") == 1)


def test_a_refund_that_fails_late_comes_back(bank, merchant):
    payment = merchant.paid()
    bank.faults(refund_fail_late=1, refund_delay=10)
    refund = merchant.refund(payment, 2500).json()
    assert refund["state"] == "done"
    assert bank.net(payment["reference"]) == 0
    wait_for(lambda: merchant.refund_state(refund["reference"]) == "failed")
    assert bank.net(payment["reference"]) == 2500
    assert merchant.shown(payment["reference"])["captures"][0]["refunded_minor"] == 0


def test_a_refund_can_be_refused_on_purpose(bank, merchant):
    payment = merchant.paid()
    bank.faults(refuse_refund=1)
    assert merchant.refund(payment, 100).status_code == 422
    assert bank.net() == 2500
