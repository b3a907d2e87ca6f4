"""What must hold after every single step, from the bank's ledger and two queries of ours."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from tests.stateful.gateway import SCRIPT

ORDERS = """
    SELECT o.number, o.state, o.total_minor, p.reference, p.state, p.role,
        p.gateway_transaction_id, p.captured_minor, p.captured_currency, p.refunded_minor,
        p.refund_pending_minor, i.closed_at IS NOT NULL
    FROM orders_order o LEFT JOIN payments_paymentintent i ON i.order_reference = o.number
    LEFT JOIN payments_payment p ON p.intent_id = i.id
"""
REFUNDS = """
    SELECT i.order_reference, r.reference, p.state, r.state, r.amount_minor, p.id, r.kind,
        EXISTS (SELECT FROM payments_reviewcase c WHERE c.subject = r.reference
            AND c.resolved_at IS NULL)
    FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
    JOIN payments_paymentintent i ON i.id = p.intent_id
"""
STOCK = """
    SELECT p.stock_initial, p.stock_free, p.stock_reserved, p.stock_sold,
        coalesce(sum(l.quantity) FILTER (WHERE o.state IN ('unpaid', 'paying')), 0),
        coalesce(sum(l.quantity) FILTER (WHERE o.state IN ('paid', 'refunded')), 0)
    FROM orders_product p LEFT JOIN orders_orderline l ON l.product_id = p.id
    LEFT JOIN orders_order o ON o.id = l.order_id GROUP BY p.id
"""


@dataclass
class Row:
    """One of our payments."""

    reference: str
    state: str
    role: str
    transaction_id: str | None
    captured: tuple[int, str]
    refunded_minor: int
    pending_minor: int


@dataclass
class Account:
    """One order, as our tables have it."""

    state: str
    total_minor: int
    is_closed: bool
    rows: list[Row] = field(default_factory=list)
    refunds: list[tuple[Any, ...]] = field(default_factory=list)


class Promises:
    """Checks one story; what must never change again is remembered from step to step."""

    def __init__(self) -> None:
        self.settled: dict[str, str] = {}
        self.booked: set[str] = set()

    def check(self) -> None:
        accounts = read()
        for number, account in accounts.items():
            self._one_settling_for_ever(number, account)
            self._what_was_booked_stays(account)
            nobody_is_charged_more(number, account)
            paid_means_money(number, account)
            at_most_one_live(number, account)
        no_charge_is_returned_twice()
        stock_adds_up()
        assert SCRIPT.bank.complaints == []

    def _one_settling_for_ever(self, number: str, account: Account) -> None:
        settling = [row.reference for row in account.rows if row.role == "settling"]
        assert len(settling) <= 1, f"{number} was settled twice"
        before = self.settled.get(number)
        assert before is None or settling == [before], f"{number} is settled no more"
        if settling:
            self.settled[number] = settling[0]

    def _what_was_booked_stays(self, account: Account) -> None:
        for row in account.rows:
            if row.transaction_id is not None:
                assert row.state in ("captured", "surplus"), f"{row.reference} lost its money"
                self.booked.add(row.transaction_id)

    def forget(self) -> None:
        """Commits were lost: what they said is not held against the shop."""
        self.settled, self.booked = {}, set()


def nobody_is_charged_more(number: str, account: Account) -> None:
    """What the bank holds is what is owed; all else is not known yet or on its way back."""
    charges = SCRIPT.bank.charges(number)
    held_minor = sum(c.amount_minor - c.returned_minor() for c in charges)
    booked = {row.transaction_id for row in account.rows}
    unknown_minor = sum(c.amount_minor for c in charges if c.transaction_id not in booked)
    returning_minor = 0
    for _, reference, _, state, amount_minor, _, kind, has_case in account.refunds:
        if SCRIPT.bank.has_returned(reference):
            continue
        if state != "failed" or (has_case and kind != "staff"):
            returning_minor += amount_minor
    excess_minor = held_minor - unknown_minor - returning_minor - account.total_minor
    assert excess_minor <= 0, f"{number} was charged {excess_minor} too much"


def paid_means_money(number: str, account: Account) -> None:
    if account.state not in ("paid", "refunded"):
        return
    settling = next((row for row in account.rows if row.role == "settling"), None)
    assert settling is not None, f"{number} is {account.state} without a payment"
    charge = SCRIPT.bank.charge(settling.transaction_id or "")
    assert charge is not None, f"{number} is {account.state} without a charge"
    assert (charge.amount_minor, charge.currency) == (account.total_minor, "EUR")


def at_most_one_live(number: str, account: Account) -> None:
    live = [row.reference for row in account.rows if row.role in ("live", "settling")]
    assert len(live) <= 1, f"{number} can be paid twice: {live}"
    if account.state == "cancelled":
        waiting = [row.reference for row in account.rows if row.role == "live"]
        assert waiting == [], f"{number} is cancelled and can be paid"


def no_charge_is_returned_twice() -> None:
    for account in SCRIPT.bank.accounts.values():
        for charge in account.charges:
            assert charge.returned_minor() <= charge.amount_minor, (
                f"{charge.returned_minor()} of {charge.amount_minor} went back"
            )


def stock_adds_up() -> None:
    with connection.cursor() as cursor:
        cursor.execute(STOCK)
        for initial, free, reserved, sold, wanted, bought in cursor.fetchall():
            assert free >= 0
            assert (reserved, sold) == (wanted, bought)
            assert initial == free + reserved + sold


def read() -> dict[str, Account]:
    accounts: dict[str, Account] = {}
    refunds: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(ORDERS)
        for number, state, total, *payment, is_closed in cursor.fetchall():
            account = accounts.setdefault(number, Account(state, total, is_closed))
            if payment[0] is not None:
                reference, is_in, role, transaction, minor, currency, back, pending = payment
                account.rows.append(
                    Row(reference, is_in, role, transaction, (minor, currency), back, pending)
                )
        cursor.execute(REFUNDS)
        for row in cursor.fetchall():
            refunds[row[0]].append(row)
    for number, rows in refunds.items():
        accounts[number].refunds = rows
    return accounts
