"""Two hands at once: shoppers, tabs, our own front, and members of the staff."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection

from payments.models import Payment, Refund
from shop.failpoints import strike
from tests.bank import Bank
from tests.factories import new_key
from tests.matrix.scene import REFUNDED_MINOR, Scene
from tests.matrix.table import Cell, tells
from tests.matrix.walks import WALKS
from tests.orders.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

WAITS_SECONDS = 20


@dataclass
class Meanwhile:
    """A request that is under way in another thread, held at a point until it is let go."""

    came: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    answer: Any = None
    hits: int = 0


@contextmanager
def under_way(point: str, request: Callable[[], Any]) -> Iterator[Meanwhile]:
    """The block runs while `request` stands at the point; its answer is there afterwards."""
    one = Meanwhile()

    def hold() -> None:
        one.came.set()
        assert one.let_go.wait(WAITS_SECONDS), "nobody let it go"

    def run() -> None:
        try:
            one.answer = request()
        finally:
            connection.close()

    with strike(point, hold) as struck:
        thread = threading.Thread(target=run)
        thread.start()
        try:
            assert one.came.wait(WAITS_SECONDS), f"it never came to {point}"
            yield one
        finally:
            one.let_go.set()
            thread.join(WAITS_SECONDS)
    one.hits = struck.hits
    assert one.hits == 1
    assert not thread.is_alive()


@tells(double_click="BCSX")
def test_two_requests_at_once_are_one_payment(cell: Cell, scene: Scene):
    story = {"B": two_begin, "C": two_channels, "S": two_find_the_money, "X": one_leaves}
    story[cell.point](scene)
    scene.rests()
    scene.ended("1")


def two_begin(scene: Scene) -> None:
    """Both have read that nothing is there; one writes, the other gets what was written."""
    with under_way("payment.writing", scene.starts) as first:
        other = threading.Thread(target=lambda: seconds.append(closing(scene.starts)))
        seconds: list[Any] = []
        other.start()
        other.join(0.2)
        assert other.is_alive(), "the second did not wait for the first one's commit"
        first.let_go.set()
        other.join(WAITS_SECONDS)
    codes = sorted(answer.status_code for answer in (first.answer, *seconds))
    assert codes == [200, 201]
    assert len(scene.references) == 1
    scene.starts("redirect")  # a later request may switch
    live = Payment.objects.get(role="live")
    assert live.method == "redirect"
    scene.pays(live.reference)


def two_channels(scene: Scene) -> None:
    """The second names another channel while the first is unanswered: it gets the first."""
    with under_way("gateway.answered", scene.starts) as first:
        second = scene.starts("redirect")
        assert second.status_code == 200
        assert second.json()["method"] == "qr"
    assert first.answer.json()["reference"] == second.json()["reference"]
    assert len(scene.references) == 1
    scene.pays()


def two_find_the_money(scene: Scene) -> None:
    """Twenty requests find the same capture, one of them while it is being written."""
    scene.starts()
    scene.pays()
    with under_way("outcome.recording", scene.checks) as first:
        first.let_go.set()
        answers = at_once([lambda: closing(scene.checks)] * 20)
    assert {answer.status_code for answer in answers} <= {302, 303}


def one_leaves(scene: Scene) -> None:
    """The shopper changes the channel: what is left is closed at the bank first."""
    left = scene.starts("qr").json()["reference"]
    with under_way("payment.committed", lambda: scene.starts("redirect")) as switch:
        shown = {p["reference"]: p["state"] for p in scene.bank.payments()}
        assert shown == {left: "closed"}
        in_flight = scene.starts("qr").json()
        assert in_flight["method"] == "redirect"
    taken = switch.answer.json()["reference"]
    assert taken == in_flight["reference"]
    assert taken != left
    assert scene.bank.pay(left).status_code == 409
    scene.pays(taken)


def closing(request: Callable[[], Any]) -> Any:
    try:
        return request()
    finally:
        connection.close()


#: Where the worker goes on after our own front has said 504.
STANDS_AT = {
    "C": "gateway.answered",
    "S": "outcome.recording",
    "W": "notification.stored",
    "X": "close.committed",
    "R": "refund.answered",
}


@tells(front_504="CSWXR")
def test_who_gave_up_waiting_and_asks_again_meets_their_first_request(cell: Cell, scene: Scene):
    walk = WALKS[cell.point](scene, new_key())
    walk.prepare()
    with under_way(STANDS_AT[cell.point], walk.act) as gone_on:
        if cell.point == "S":
            gone_on.let_go.set()  # it holds the order's lock: the repeat comes after it
        again = walk.act()
    assert again < 500, again
    if cell.point == "R":
        # The answer was lost: the figure on their screen is old, another press changes nothing.
        assert scene.refunds(so_far=0).status_code == 409
    walk.finish()
    scene.ended(walk.end)
    assert len(scene.references) == 1


@tells(two_staff="R")
def test_staff_send_money_back_once_and_never_too_much(cell: Cell, bank: Bank):
    scene = Scene(bank)
    scene.is_paid()
    with under_way("refund.writing", scene.refunds) as first:
        thread = threading.Thread(target=lambda: late.append(closing(scene.refunds)))
        late: list[Any] = []
        thread.start()
        thread.join(0.1)
        first.let_go.set()
        thread.join(WAITS_SECONDS)
    assert (first.answer.status_code, late[0].status_code) == (201, 409)
    too_much = scene.order.total_minor - REFUNDED_MINOR + 1
    assert scene.refunds(so_far=REFUNDED_MINOR, amount=too_much).status_code == 400
    scene.ended("Rf")

    scene = Scene(bank)
    scene.starts("redirect")
    surplus = scene.reference
    scene.starts("qr")
    scene.pays()
    scene.pays(surplus)
    with under_way("refund.committed", scene.rests) as by_itself:
        scene.reference = Payment.objects.get(
            refunds__kind="surplus", refunds__state="sent"
        ).reference
        assert scene.refunds(so_far=0).status_code == 409
        assert scene.refunds(so_far=scene.order.total_minor).status_code == 400
    assert by_itself.hits == 1
    scene.rests()
    scene.ended("1x")
    assert Refund.objects.filter(kind="staff").count() == 1
