"""Every knob has an effect, and none has another."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import httpx
import pytest

from tests.simulator.ear import wait_for


def test_switches_that_are_absent_are_off_again(bank):
    bank.faults(lose_answer=0.5, delay_ms=20, seed=7)
    bank.faults(error_after=1)
    shown = bank.client.get("/faults").json()
    assert {name for name, value in shown.items() if value} == {"error_after"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"lose_anser": 1},
        {"lose_answer": 1.01},
        {"lose_answer": -0.1},
        {"lose_answer": "1"},
        {"lose_answer": True},
        {"lose_answer": None},
        {"delay_ms": 10**9},
        {"seed": 1.5},
        {"only": ["everything"]},
        {"only": []},
        [],
        "lose_answer",
    ],
)
def test_a_wrong_switch_is_refused_and_changes_nothing(bank, wrong):
    bank.faults(error_after=0.25)
    assert bank.client.put("/faults", json=wrong).status_code == 400
    assert bank.client.get("/faults").json()["error_after"] == 0.25


def test_switches_that_are_no_json_are_refused(bank):
    for body in (b"", b"{", b'{"seed": NaN}', b"[" * 50_000):
        assert bank.client.put("/faults", content=body).status_code == 400


def test_a_lost_answer_did_its_work(bank, merchant):
    wish = merchant.wish()
    bank.faults(lose_answer=1)
    with pytest.raises(httpx.RemoteProtocolError):
        merchant.create(wish)
    assert [p["reference"] for p in bank.payments()] == [wish["reference"]]


def test_an_error_before_did_nothing_and_an_error_after_did_its_work(bank, merchant):
    before, after = merchant.wish(), merchant.wish()
    bank.faults(error_before=1)
    assert merchant.create(before).status_code == 500
    bank.faults(error_after=1)
    assert merchant.create(after).status_code == 500
    assert [p["reference"] for p in bank.payments()] == [after["reference"]]


def test_a_late_request_takes_effect_after_the_connection_is_gone(bank, merchant):
    wish = merchant.wish()
    bank.faults(late_request=1, late_request_ms=300)
    with pytest.raises(httpx.RemoteProtocolError):
        merchant.create(wish)
    assert bank.payments() == []
    wait_for(lambda: len(bank.payments()) == 1)


def test_a_late_request_that_was_closed_meanwhile_opens_nothing(bank, merchant):
    wish = merchant.wish()
    bank.faults(late_request=1, late_request_ms=200, only="create")
    with pytest.raises(httpx.RemoteProtocolError):
        merchant.create(wish)
    assert merchant.close(wish["reference"]).status_code == 404
    time.sleep(0.4)
    assert bank.payments() == []


def test_a_delay_delays(bank, merchant):
    bank.faults(delay_ms=300)
    began = time.monotonic()
    merchant.query("NEVERSEEN")
    assert time.monotonic() - began >= 0.3
    bank.faults(delay_ms=9000, delay_probability=0)
    began = time.monotonic()
    merchant.query("NEVERSEEN")
    assert time.monotonic() - began < 6


def test_faults_can_be_kept_to_some_operations_and_to_a_number(bank, merchant):
    reference = merchant.opened()["reference"]
    bank.faults(error_before=1, only=["query"], at_most=2)
    assert merchant.close(reference).status_code == 200
    answers = [merchant.query(reference).status_code for _ in range(4)]
    assert answers == [500, 500, 200, 200]
    assert bank.struck() == {"error_before": 2}
    bank.faults()
    assert bank.struck() == {}


def test_the_same_seed_replays_the_same_faults(bank, merchant):
    def weather(seed: int) -> list[int]:
        bank.faults(seed=seed, error_before=0.5)
        return [merchant.query("NEVERSEEN").status_code for _ in range(30)]

    first = weather(11)
    assert first == weather(11)
    assert first != weather(12)
    assert {404, 500} == set(first)


def test_a_refused_close_leaves_the_payment_payable(bank, merchant):
    payment = merchant.opened()
    bank.faults(refuse_close=1)
    closing = merchant.close(payment["reference"]).json()
    assert closing["result"] == "not_closable"
    assert closing["dead_after"] == payment["expires_at"]
    assert bank.pay(payment["reference"]).status_code == 200


def test_a_create_can_be_declined_or_refused(bank, merchant):
    bank.faults(decline_create=1)
    payment = merchant.opened()
    assert (payment["state"], payment["final"]) == ("declined", True)
    assert bank.pay(payment["reference"]).status_code == 409
    bank.faults(refuse_create=1)
    assert merchant.create(merchant.wish()).json() == {"error": "not_accepted"}


@pytest.mark.parametrize(
    ("knob", "amount_minor", "currency"),
    [("wrong_amount", 25, "EUR"), ("wrong_currency", 2500, "USD")],
)
def test_the_wrong_money_is_real_money(bank, merchant, knob, amount_minor, currency):
    bank.faults(**{knob: 1})
    capture = merchant.paid()["captures"][0]
    assert (capture["amount_minor"], capture["currency"]) == (amount_minor, currency)
    movement = bank.ledger()[0]
    assert (movement["amount_minor"], movement["currency"]) == (amount_minor, currency)


def test_answers_can_name_somebody_else(bank, merchant):
    reference = merchant.opened()["reference"]
    bank.faults(wrong_merchant=1)
    assert merchant.shown(reference)["merchant"] != bank.merchant
    bank.faults(wrong_reference=1)
    assert merchant.shown(reference)["reference"] != reference


def test_an_answer_can_be_broken(bank, merchant):
    reference = merchant.opened()["reference"]
    bank.faults(broken_answer=1)
    with pytest.raises(ValueError, match=r"JSON|Unterminated|Expecting"):
        merchant.query(reference).json()


def test_a_query_can_pretend_not_to_know(bank, merchant):
    payment = merchant.paid()
    bank.faults(not_found=1)
    assert merchant.query(payment["reference"]).status_code == 404
    bank.faults()
    assert merchant.shown(payment["reference"]) == payment


def test_a_query_can_be_stale_or_say_nothing(bank, merchant):
    reference = merchant.paid()["reference"]
    bank.faults(hold_status=1)
    assert (merchant.shown(reference)["state"], merchant.shown(reference)["captures"]) == (
        "open",
        [],
    )
    bank.faults(unknown=1)
    assert merchant.shown(reference)["state"] == "unknown"


def test_with_keys_ignored_a_repeat_opens_a_twin_and_both_can_be_paid(bank, merchant):
    wish = merchant.wish()
    bank.faults(ignore_key=1)
    first, second = merchant.create(wish), merchant.create(wish)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["presentation"] != second.json()["presentation"]
    statuses = [bank.pay(wish["reference"]).status_code for _ in range(3)]
    assert statuses == [200, 200, 409]
    assert len(merchant.shown(wish["reference"])["captures"]) == 2
    assert bank.net(wish["reference"]) == 5000


def test_a_twin_that_is_still_open_keeps_the_payment_from_being_final(bank, merchant):
    wish = merchant.wish()
    bank.faults(ignore_key=1)
    merchant.create(wish)
    merchant.create(wish)
    bank.pay(wish["reference"])
    shown = merchant.shown(wish["reference"])
    assert (shown["state"], shown["final"]) == ("paid", False)
    assert merchant.close(wish["reference"]).json()["result"] == "already_paid"
    assert bank.pay(wish["reference"]).status_code == 409
    assert merchant.shown(wish["reference"])["final"] is True


def test_the_banks_clock_can_go_wrong(bank, merchant):
    bank.faults(clock_skew=-3600)
    signature = merchant.query("NEVERSEEN").headers["Sandbox-Signature"]
    moment = int(signature.removeprefix("t=").partition(",")[0])
    assert 3590 < datetime.now(UTC).timestamp() - moment < 3610
