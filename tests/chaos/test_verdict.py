"""The judge of a drill finds what must not be there; six lies, and each turns its own number."""

import pytest

from chaos.verdict import ZEROS, judge

REFERENCE, OTHER = "01M0000000000000000000000A", "01M0000000000000000000000B"


def a_visit(**more):
    told = {"public_id": "p", "number": "PO-1", "references": [REFERENCE], "wanted_back": 0,
            "lines": [["mug", 2]]}  # fmt: skip
    return told | more


def a_payment(reference=REFERENCE, state="captured", settles=True, refunded_minor=0):
    return {"reference": reference, "state": state, "settles": settles,
            "amount_minor": 1000, "refunded_minor": refunded_minor}  # fmt: skip


def an_order(state="paid", payments=None):
    return {"number": "PO-1", "state": state, "total_minor": 1000,
            "payments": [a_payment()] if payments is None else payments}  # fmt: skip


def a_charge(reference=REFERENCE, amount_minor=1000, kind="charge"):
    return {"reference": reference, "kind": kind, "amount_minor": amount_minor}


def found(visit=None, order=None, movements=None, stock=None):
    verdict = judge(
        [visit or a_visit()],
        {"p": order if order is not None else an_order()},
        [a_charge()] if movements is None else movements,
        {"mug": (10, 8)} if stock is None else stock,
    )
    return {zero for zero, count in verdict.counts.items() if count}


def test_a_paid_order_that_holds_its_total_is_clean():
    assert found() == set()


def test_money_that_went_back_by_itself_is_clean():
    second = a_payment(OTHER, "surplus", settles=False, refunded_minor=1000)
    movements = [a_charge(), a_charge(OTHER), a_charge(OTHER, kind="refund")]
    order = an_order(payments=[a_payment(), second])
    assert found(order=order, movements=movements) == set()


def test_a_second_capture_under_the_same_reference_that_went_back_is_clean():
    twin = a_payment(OTHER, "surplus", settles=False, refunded_minor=1000)
    movements = [a_charge(), a_charge(), a_charge(kind="refund")]
    assert found(order=an_order(payments=[a_payment(), twin]), movements=movements) == set()


def test_a_part_that_the_staff_sent_back_is_clean():
    order = an_order(payments=[a_payment(refunded_minor=400)])
    movements = [a_charge(), a_charge(kind="refund", amount_minor=400)]
    assert found(a_visit(wanted_back=400), order, movements) == set()


LIES = {
    "double": {
        "order": an_order(payments=[a_payment(), a_payment(OTHER, "surplus", settles=False)]),
        "movements": [a_charge(), a_charge(OTHER)],
    },
    "lost": {"order": an_order("cancelled", [a_payment(state="closed", settles=False)])},
    "over-refunded": {
        "order": an_order(payments=[a_payment(refunded_minor=1000)]),
        "movements": [a_charge(), a_charge(kind="refund")],
    },
    "orphan": {"movements": [a_charge(), a_charge(OTHER)]},
    "stuck": {
        "order": an_order("unpaid", [a_payment(state="open", settles=False)]),
        "movements": [],
        "stock": {"mug": (10, 10)},
    },
    "oversold": {"stock": {"mug": (1, 0)}},
}


@pytest.mark.parametrize("zero", ZEROS)
def test_each_lie_turns_its_own_number(zero):
    assert found(**LIES[zero]) == {zero}


def test_an_order_that_is_paid_without_money_is_lost():
    assert found(movements=[]) == {"lost"}


def test_money_that_the_shopper_paid_and_no_page_shows_is_an_orphan():
    order = an_order("unpaid", [])
    assert found(order=order, stock={"mug": (10, 10)}) == {"orphan", "lost"}


def test_money_of_an_order_that_a_failover_erased_is_lost():
    verdict = judge([a_visit()], {"p": None}, [a_charge()], {})
    assert verdict.counts["lost"] == 1
    assert verdict.orders == {"PO-1"}


def test_the_money_of_an_erased_order_may_wait_for_a_person():
    verdict = judge([a_visit()], {"p": None}, [a_charge()], {}, desk={REFERENCE})
    assert verdict.is_clean
    assert verdict.on_the_desk == ["PO-1"]


def test_an_order_that_a_failover_erased_unpaid_is_nobodys_loss():
    assert judge([a_visit()], {"p": None}, [], {}).is_clean
