"""The ledger is the bank's word about money, whatever happens to its process."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator.books import Books
from tests.bank import Bank
from tests.simulator.ear import Ear, wait_for
from tests.simulator.merchant import Merchant


def test_the_ledger_names_payment_transaction_and_amount(bank, merchant):
    payment = merchant.paid()
    merchant.refund(payment, 500)
    charge, refund = bank.ledger(payment["reference"])
    transaction = payment["captures"][0]["transaction_id"]
    assert charge.keys() == refund.keys() == {
        "gateway", "reference", "transaction_id", "kind", "amount_minor", "currency", "at",
    }  # fmt: skip
    assert (charge["kind"], charge["amount_minor"]) == ("charge", 2500)
    assert (refund["kind"], refund["amount_minor"]) == ("refund", 500)
    assert charge["transaction_id"] == refund["transaction_id"] == transaction


def test_the_statement_of_a_day_has_every_movement_and_its_fee(merchant):
    payment = merchant.paid()
    refund = merchant.refund(payment, 500).json()
    statement = merchant.send("GET", f"/v1/statement?day={datetime.now(UTC):%Y-%m-%d}").json()
    assert statement["next"] is None
    charge, back = statement["rows"]
    assert (charge["reference"], charge["fee_minor"]) == (payment["reference"], 62)
    assert (back["reference"], back["payment_reference"]) == (
        refund["reference"], payment["reference"],
    )  # fmt: skip
    assert merchant.send("GET", "/v1/statement?day=2020-02-30").status_code == 400
    assert merchant.send("GET", "/v1/statement?day=2020-02-28").json()["rows"] == []


def test_the_ledger_survives_a_kill_in_the_middle_of_paying():
    ear = Ear()
    with Bank() as bank:
        merchant = Merchant(bank, ear.url)
        references = [merchant.opened()["reference"] for _ in range(40)]

        def phone(reference: str) -> bool:
            try:
                return bank.pay(reference).status_code == 200
            except Exception:  # noqa: BLE001 - the bank dies under the phone, which is the test
                return False

        with ThreadPoolExecutor(8) as phones:
            paid = phones.map(phone, references)
            wait_for(lambda: len(ear.heard) >= 1)
            bank.kill()
            confirmed = {r for r, done in zip(references, paid, strict=True) if done}
        bank.start()
        charged = [movement["reference"] for movement in bank.ledger()]
        assert confirmed <= set(charged)
        assert len(charged) == len(set(charged))
        paid_now = {p["reference"] for p in bank.payments() if p["state"] == "paid"}
        assert paid_now == set(charged)
        wait_for(lambda: {h.event["reference"] for h in ear.heard} == set(charged))
    ear.close()


def test_fifty_requests_a_second_are_nothing(bank, merchant):
    began = datetime.now(UTC)
    with ThreadPoolExecutor(8) as shops:
        list(shops.map(lambda _: merchant.opened(), range(150)))
    assert (datetime.now(UTC) - began).total_seconds() < 3
    assert len(bank.payments()) == 150


def test_everything_can_be_forgotten_only_where_it_is_allowed(bank, merchant):
    merchant.paid()
    bank.reset()
    assert (bank.ledger(), bank.payments(), bank.notifications()) == ([], [], [])


def test_a_ledger_of_a_newer_bank_is_left_alone(tmp_path):
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as ledger:
        ledger.execute("PRAGMA user_version = 99")
    with pytest.raises(SystemExit, match="newer"):
        Books(tmp_path, "payonce-test", "http://127.0.0.1:1", 1.0)


def test_a_ledger_of_the_first_version_is_brought_over_with_its_money(tmp_path):
    old = sqlite3.connect(tmp_path / "ledger.sqlite3")
    old.executescript((Path(__file__).parent / "ledger-1.sql").read_text())
    old.close()
    books = Books(tmp_path, "payonce-demo", "http://127.0.0.1", 1)
    try:
        paid = books.the("SELECT * FROM payments")
        assert (paid["gateway"], paid["state"], paid["facts"]) == ("sandbox", "paid", "{}")
        assert books.the("SELECT gateway, amount_minor FROM movements")["gateway"] == "sandbox"
        assert books.the(
            "SELECT p.reference FROM captures c JOIN payments p ON p.id = c.payment_id"
        )
        assert books.all("PRAGMA foreign_key_check") == []
        books.write("UPDATE payments SET state = 'authorized'")  # the old table refused the word
    finally:
        books.close()
    Books(tmp_path, "payonce-demo", "http://127.0.0.1", 1).close()  # once is enough
