"""The bank's answer is lost, late, broken or missing: in doubt is never "failed"."""

from __future__ import annotations

import time
from typing import Any

import pytest

from payments.models import Payment, Refund, ReviewCase
from payments.models.payment import State
from tests.bank import Bank
from tests.factories import new_key
from tests.matrix.gateway_troubles import (
    OPERATIONS,
    TROUBLES,
    Surroundings,
    Trouble,
    bank_is_slow,
    breaker_is_open,
)
from tests.matrix.scene import Scene
from tests.matrix.table import Cell, tells
from tests.matrix.walks import WALKS

#: No request can be on its way any more, and no QR code be paid.
AFTER_THE_HORIZON = 25 * 60

pytestmark = pytest.mark.django_db(transaction=True)


@tells(
    answer_lost="CPXR",
    **{"5xx": "CPXR"},
    unreachable="CPXR",
    late_request="R",
    slow_bank="CPR",
)
def test_a_bank_without_an_answer_is_asked_again(
    cell: Cell, bank: Bank, settings: Any, monkeypatch: pytest.MonkeyPatch
):
    for trouble in TROUBLES[cell.fault]:
        if trouble is breaker_is_open and cell.point == "C":
            continue  # nothing new begins then: told below
        with monkeypatch.context() as patch:
            ask_once(cell, trouble, Surroundings(Scene(bank), settings, patch))


def ask_once(cell: Cell, trouble: Trouble, around: Surroundings) -> None:
    scene = around.scene
    walk = WALKS[cell.point](scene, new_key())
    walk.prepare()
    opened = scene.references
    with trouble(around, OPERATIONS[cell.point]) as struck:
        walk.act()
        attempt = Payment.objects.latest("id")
        assert attempt.state not in (State.DECLINED, State.CLOSED), "no answer is no no"
    assert struck.hits, f"{cell.fault} never happened"
    if cell.point == "C" and not scene.references:
        scene.ended("0")
        scene.rests(1)  # sent again under the same key
        opened = [attempt.reference]
    walk.finish()
    scene.ended(walk.end)
    assert cell.point == "C" or scene.references == opened


@tells(slow_bank="BS")
def test_a_bank_that_is_down_is_not_begun_with_and_loses_no_money(
    cell: Cell, scene: Scene, settings: Any, monkeypatch: pytest.MonkeyPatch
):
    around = Surroundings(scene, settings, monkeypatch)
    walk = WALKS[cell.point](scene, new_key())
    walk.prepare()
    if cell.point == "B":
        with breaker_is_open(around, "create"):
            refused = scene.starts(key=walk.key)
        assert (refused.status_code, scene.references) == (503, [])
        assert int(refused["Retry-After"]) > 0
        assert not Payment.objects.exists()
        with bank_is_slow(around, "create") as struck:
            checking = scene.starts()
        assert (checking.status_code, checking.json()["state"]) == (201, "unknown")
        time.sleep(0.4)  # the slow answer is on its way: the bank has opened it by now
    else:
        with bank_is_slow(around, "query") as struck:
            walk.act()
        assert scene.state == "paying"
    assert struck.hits
    walk.finish()
    scene.ended("1")


@tells(late_request="C")
def test_a_request_that_arrives_late_opens_what_we_wait_for(cell: Cell, bank: Bank):
    """It comes after our timeout: the same payment. It comes after the switch: sent back."""
    scene = Scene(bank)
    scene.still(late_request=1.0, late_request_ms=150, only=["create"], at_most=1)
    assert scene.starts().json()["state"] == "unknown"
    assert scene.references == []
    arrives(scene, 1)
    walk = WALKS["C"](scene, new_key())
    walk.finish()
    scene.ended("1")

    scene = Scene(bank)
    scene.still(late_request=1.0, late_request_ms=600, only=["create"], at_most=1)
    first = scene.starts("redirect").json()["reference"]
    Payment.objects.filter(reference=first).update(lease_until=None)
    second = scene.starts("qr").json()["reference"]
    assert first != second
    arrives(scene, 2)
    scene.pays(first)
    scene.pays(second)
    scene.rests()
    scene.ended("1x")


@tells(late_request="X")
def test_a_request_that_arrives_after_the_cancel_takes_money_only_where_none_can_close(
    cell: Cell, bank: Bank
):
    for method, can_close in (("qr", True), ("redirect", False)):
        scene = Scene(bank)
        scene.still(late_request=1.0, late_request_ms=400, only=["create"], at_most=1)
        reference = scene.starts(method).json()["reference"]
        Payment.objects.filter(reference=reference).update(lease_until=None)
        assert scene.cancels().status_code in (200, 202)
        assert bank.struck()["late_request"] == 1
        time.sleep(0.6)
        if can_close:
            # The bank remembers the close of what it had not seen; we wait for the horizon.
            assert scene.references == []
            scene.sweeps(AFTER_THE_HORIZON)
            assert scene.cancels().status_code == 200
            scene.ended("0")
        else:
            scene.pays(reference)
            scene.rests()
            scene.ended("1")


@tells(late_request="P")
def test_not_found_is_not_final_while_the_request_may_be_on_its_way(cell: Cell, scene: Scene):
    scene.still(late_request=1.0, late_request_ms=500, only=["create"], at_most=1)
    reference = scene.starts().json()["reference"]
    for seconds in (5, 10):
        Payment.objects.filter(reference=reference).update(
            next_poll_at="2000-01-01T00:00:00Z", lease_until="2100-01-01T00:00:00Z"
        )
        scene.sweeps(seconds)
    assert Payment.objects.get().state in (State.CREATED, State.UNKNOWN)
    assert scene.bank.struck()["late_request"] == 1
    Payment.objects.filter(reference=reference).update(lease_until=None)
    arrives(scene, 1)
    scene.pays(reference)
    scene.rests()
    scene.ended("1")


def arrives(scene: Scene, count: int) -> None:
    deadline = time.monotonic() + 5
    while len(scene.references) < count:
        assert time.monotonic() < deadline, "the late request never arrived"
        time.sleep(0.02)


@tells(decline_then_success="CWP")
def test_a_decline_is_no_end_while_the_object_can_still_be_paid(cell: Cell, scene: Scene):
    scene.starts("card")
    assert scene.bank.decline(scene.reference).status_code == 200
    told = {
        "C": lambda: scene.starts("card"),
        "W": lambda: scene.notifies(kind="payment.attempt_failed", event="evt-declined"),
        "P": scene.sweeps,
    }[cell.point]
    told()
    scene.rests(1)
    assert Payment.objects.get().is_final is False
    scene.pays()
    if cell.point == "W":
        # In the wrong order: the success first, the decline after it, and again.
        scene.notifies()
        for event in ("evt-declined-2", "evt-declined-3"):
            scene.notifies(kind="payment.declined", event=event)
    scene.rests()
    scene.ended("1")


@tells(refund_fails="PR")
def test_a_refund_that_fails_after_all_is_seen_and_tried_again(cell: Cell, scene: Scene):
    scene.is_paid()
    knob = {"P": "refund_fail", "R": "refund_fail_late"}[cell.point]
    scene.still(**{knob: 1.0}, refund_delay=1, at_most=1)
    assert scene.refunds().status_code == 201
    fails(scene)
    assert scene.bank.struck()[knob] == 1
    scene.still()
    assert scene.refunds(so_far=0).status_code == 201
    scene.rests()
    scene.ended("Rf")


def fails(scene: Scene) -> None:
    """Until the bank has taken it back: we ask, and once it was done it tells us."""
    deadline, told = time.monotonic() + 10, 0
    while (refund := Refund.objects.get()).state != "failed":
        assert time.monotonic() < deadline, "it never failed"
        time.sleep(0.1)
        told += 1
        if refund.state == "done":
            scene.notifies(kind="refund.failed", refund=refund.reference, event=f"evt-{told}")
        scene.rests(1)
    assert ReviewCase.objects.filter(kind="refund_failed", resolved_at=None).exists()
