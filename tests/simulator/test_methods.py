"""The nature of each method: what closing it means, and how its money comes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.bank import Bank
from tests.simulator.ear import wait_for
from tests.simulator.merchant import Merchant, new_reference


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize("method", ["qr", "redirect", "card"])
def test_a_payment_is_opened_paid_and_shown_as_paid(bank, merchant, method):
    payment = merchant.opened(method)
    assert (payment["state"], payment["final"], payment["captures"]) == ("open", False, [])
    assert bank.pay(payment["reference"]).status_code == 200
    shown = merchant.shown(payment["reference"])
    assert (shown["state"], shown["final"], shown["presentation"]) == ("paid", True, None)
    assert [c["amount_minor"] for c in shown["captures"]] == [2500]
    assert bank.net(payment["reference"]) == 2500


@pytest.mark.parametrize("method", ["qr", "redirect", "card"])
def test_a_payment_cannot_be_paid_twice(bank, merchant, method):
    reference = merchant.paid(method)["reference"]
    assert bank.pay(reference).status_code == 409
    assert bank.decline(reference).status_code == 409
    assert len(bank.ledger(reference)) == 1


def test_forty_phones_at_once_pay_once(bank, merchant):
    reference = merchant.opened()["reference"]
    with ThreadPoolExecutor(20) as phones:
        answers = list(phones.map(lambda _: bank.pay(reference).status_code, range(40)))
    assert sorted(answers) == [200] + [409] * 39
    assert len(bank.ledger(reference)) == 1


def test_an_unknown_payment_can_be_neither_paid_nor_asked_about(bank, merchant):
    assert bank.pay("NEVERSEEN").status_code == 404
    assert merchant.query("NEVERSEEN").status_code == 404


def test_a_closed_qr_can_never_be_paid(bank, merchant):
    reference = merchant.opened()["reference"]
    assert merchant.close(reference).json()["result"] == "closed"
    assert bank.pay(reference).status_code == 409
    assert merchant.shown(reference)["state"] == "closed"
    assert bank.ledger(reference) == []


def test_a_close_that_overtakes_the_create_of_a_qr_is_remembered(merchant):
    wish = merchant.wish("qr")
    assert merchant.close(wish["reference"]).status_code == 404
    answer = merchant.create(wish)
    assert (answer.status_code, answer.json()) == (409, {"error": "reference_closed"})


def test_a_close_that_overtakes_the_create_of_a_card_is_forgotten(merchant):
    wish = merchant.wish("card")
    assert merchant.close(wish["reference"], "card").status_code == 404
    assert merchant.create(wish).status_code == 201


@pytest.mark.parametrize("method", ["qr", "redirect", "card"])
def test_a_close_after_the_money_says_already_paid(merchant, method):
    payment = merchant.paid(method)
    closing = merchant.close(payment["reference"], method).json()
    assert closing["result"] == "already_paid"
    assert closing["payment"]["captures"] == payment["captures"]


def test_the_bank_page_cannot_be_closed_before_its_time_limit(bank, merchant):
    payment = merchant.opened("redirect")
    closing = merchant.close(payment["reference"], "redirect").json()
    assert closing["result"] == "not_closable"
    assert closing["dead_after"] == payment["expires_at"]
    assert bank.pay(payment["reference"]).status_code == 200
    assert bank.net(payment["reference"]) == 2500


def test_the_bank_page_is_closed_once_its_time_limit_has_passed(bank, merchant):
    reference = merchant.opened("redirect", expires_at=soon(0.7))["reference"]
    wait_for(lambda: merchant.close(reference, "redirect").json()["result"] == "closed")
    assert bank.pay(reference).status_code == 409


def test_money_from_the_bank_page_can_come_after_its_time_limit(bank, merchant):
    reference = merchant.opened("redirect", expires_at=soon(1))["reference"]
    bank.faults(late_capture=40)  # times the test's factor of 0.05
    assert bank.pay(reference).status_code == 200
    assert bank.pay(reference).status_code == 409
    assert merchant.shown(reference)["final"] is False
    assert bank.ledger(reference) == []
    wait_for(lambda: bank.net(reference) == 2500)
    assert merchant.shown(reference)["state"] == "paid"


def test_a_link_that_ran_out_cannot_be_paid(bank, merchant):
    reference = merchant.opened("qr", expires_at=soon(0.7))["reference"]
    wait_for(lambda: merchant.shown(reference)["state"] == "closed")
    assert bank.pay(reference).status_code == 409


def test_a_create_that_arrives_after_its_own_time_limit_opens_nothing(bank, merchant):
    answer = merchant.create(merchant.wish(expires_at=soon(-1)))
    assert (answer.status_code, answer.json()) == (422, {"error": "expired"})
    assert bank.payments() == []


def submit(bank: Bank, payment: dict, number: str = "", act: str = "charge") -> httpx.Response:
    path = f"/card/{payment['presentation']['client_token']}"
    form = {"act": act, "number": number}
    return bank.client.post(path, data=form, follow_redirects=True)


def test_a_good_card_is_charged_at_once(bank, merchant):
    payment = merchant.opened("card")
    assert "Paid." in submit(bank, payment, "4242 4242 4242 4242").text
    assert bank.net(payment["reference"]) == 2500


@pytest.mark.parametrize(
    ("number", "code"),
    [("4000 0000 0000 0002", "card_declined"), ("4000 0000 0000 9995", "insufficient_funds")],
)
def test_after_a_decline_another_card_can_pay(bank, merchant, number, code):
    payment = merchant.opened("card")
    assert "Nothing was charged" in submit(bank, payment, number).text
    shown = merchant.shown(payment["reference"])
    assert (shown["state"], shown["last_decline"]) == ("open", code)
    submit(bank, payment, "4242424242424242")
    assert bank.net(payment["reference"]) == 2500


def test_a_card_declined_for_good_ends_the_payment(bank, merchant):
    payment = merchant.opened("card")
    submit(bank, payment, "4000000000000069")
    assert merchant.shown(payment["reference"])["state"] == "declined"
    submit(bank, payment, "4242424242424242")
    assert bank.ledger() == []


def test_a_challenged_card_is_charged_after_the_confirmation(bank, merchant):
    payment = merchant.opened("card")
    assert "Is it you?" in submit(bank, payment, "4000000000003220").text
    assert bank.ledger() == []
    submit(bank, payment, act="confirm")
    assert bank.net(payment["reference"]) == 2500


def test_a_refused_challenge_leaves_the_payment_open(bank, merchant):
    payment = merchant.opened("card")
    submit(bank, payment, "4000000000003220")
    submit(bank, payment, act="refuse")
    shown = merchant.shown(payment["reference"])
    assert (shown["state"], shown["last_decline"]) == ("open", "challenge_failed")


def test_a_card_can_be_closed_except_while_it_is_charged(bank, merchant):
    payment = merchant.opened("card")
    submit(bank, payment, "4000000000003220")
    assert merchant.close(payment["reference"], "card").json()["result"] == "not_closable"
    submit(bank, payment, act="refuse")
    assert merchant.close(payment["reference"], "card").json()["result"] == "closed"
    submit(bank, payment, "4242424242424242")
    assert bank.ledger() == []


def test_a_number_that_is_no_test_card_charges_nothing_and_is_not_repeated(bank, merchant):
    payment = merchant.opened("card")
    answer = submit(bank, payment, "5555444433331111")
    assert "Only the test cards" in answer.text
    assert "5555" not in answer.text + str(answer.url)
    assert bank.ledger() == []


def test_the_wallet_declines_for_good_and_the_card_does_not(bank, merchant):
    states = {}
    for method in ("qr", "redirect", "card"):
        reference = merchant.opened(method)["reference"]
        bank.decline(reference)
        states[method] = merchant.shown(reference)["state"]
    assert states == {"qr": "declined", "redirect": "declined", "card": "open"}


def test_references_are_told_apart(bank, merchant: Merchant):
    first, second = merchant.opened()["reference"], merchant.opened()["reference"]
    bank.pay(first)
    assert merchant.shown(second)["state"] == "open"
    assert {p["reference"]: p["state"] for p in bank.payments()} == {first: "paid", second: "open"}
    assert new_reference() != new_reference()
