"""Which page an order has: every state, decided without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders.models import Order
from orders.pages import situation
from orders.pages.situation import Attempts, Situation
from payments.services import PaymentView

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
QR = {"kind": "qr", "text": "https://bank.example/scan/1"}
REDIRECT = {"kind": "redirect", "url": "https://bank.example/1"}


def order(state: str = "unpaid", **changes: Any) -> Order:
    return Order(state=state, expires_at=NOW + timedelta(hours=1), **changes)


def payment(state: str = "open", **changes: Any) -> PaymentView:
    """A live payment that can be paid by a code, unless told otherwise."""
    values: dict[str, Any] = dict.fromkeys(PaymentView.__dataclass_fields__)
    values |= {
        "reference": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "state": state,
        "method": "qr",
        "captured_minor": 0,
        "settles": False,
        "is_live": state in ("created", "open", "unknown"),
        "may_still_arrive": state in ("created", "open", "unknown", "superseded"),
        "being_replaced": False,
        "presentation": QR if state == "open" else None,
        "note": "",
        "created_at": NOW - timedelta(seconds=1),
        "expires_at": NOW + timedelta(minutes=15),
        "refunds": (),
    }
    return PaymentView(**{**values, **changes})


CAPTURED = payment("captured", settles=True, captured_minor=100)
ENDED_LATE = NOW - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("shown", "its_order", "payments"),
    [
        ("choose", order(), []),
        ("choose", order(), [payment("closed")]),
        ("choose", order("paying"), [payment("superseded")]),
        ("declined", order(), [payment("declined")]),
        ("declined", order("paying"), [payment("superseded"), payment("declined")]),
        ("pay", order("paying"), [payment()]),
        ("pay", order("paying"), [payment("declined"), payment()]),
        ("checking", order("paying"), [payment("created")]),
        ("checking", order("paying"), [payment("unknown")]),
        ("checking", order("paying"), [payment(expires_at=ENDED_LATE)]),
        ("switching", order("paying"), [payment(being_replaced=True)]),
        ("closing", order("paying", cancel_wanted_at=NOW), [payment()]),
        ("closing", order("paying", cancel_wanted_at=NOW), [payment("superseded")]),
        ("paid", order("paid"), [CAPTURED]),
        ("paid", order("paid"), [CAPTURED, payment("surplus", captured_minor=100)]),
        ("refunded", order("refunded"), [CAPTURED]),
        ("cancelled", order("cancelled"), []),
        ("cancelled", order("cancelled"), [payment("superseded")]),
        ("late", order("cancelled"), [CAPTURED]),
    ],
)
def test_each_state_has_its_one_page(shown: str, its_order: Order, payments: list[PaymentView]):
    found = situation.find(its_order, Attempts.of(payments), asked_at=None, now=NOW)
    assert found == shown


def test_an_order_past_its_time_is_being_closed_until_that_is_proven():
    expired = Order(state="paying", expires_at=NOW)
    found = situation.find(expired, Attempts.of([payment()]), asked_at=None, now=NOW)
    assert found is Situation.CLOSING


def test_back_from_the_banks_page_we_ask_but_a_code_stays_on_the_page():
    attempts = Attempts.of([payment(presentation=REDIRECT)])
    assert situation.find(order("paying"), attempts, asked_at=NOW, now=NOW) is Situation.CHECKING
    attempts = Attempts.of([payment()])
    assert situation.find(order("paying"), attempts, asked_at=NOW, now=NOW) is Situation.PAY


def test_waiting_counts_from_the_question_else_from_the_payment():
    assert situation.waited_seconds(payment(), NOW - timedelta(seconds=40), NOW) == 40
    assert situation.waited_seconds(payment("created"), None, NOW) == 1
    late = payment(expires_at=NOW - timedelta(seconds=7))
    assert situation.waited_seconds(late, None, NOW) == 7
    assert situation.waited_seconds(None, None, NOW) == 0


@pytest.mark.parametrize("raw", ["", "x", "-1", "1.5", "99999999999", "١٢٣", "0", "4102444800"])
def test_a_forged_return_time_counts_for_nothing(raw: str):
    assert situation.parse_asked(raw, NOW) is None


def test_a_return_a_moment_ago_counts():
    assert situation.parse_asked(str(int(NOW.timestamp()) - 5), NOW) == NOW - timedelta(seconds=5)
