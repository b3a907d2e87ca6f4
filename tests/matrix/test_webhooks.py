"""Notifications and tasks: lost, twice, a hundred times, late, early and in the wrong order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from payments import tasks
from payments.models import Notification, Payment, Refund
from payments.models.payment import State
from tests.factories import new_key
from tests.matrix.scene import Scene
from tests.matrix.table import Cell, tells
from tests.matrix.test_people import under_way
from tests.matrix.walks import WALKS

pytestmark = pytest.mark.django_db(transaction=True)


def delivered(answer: Any) -> None:
    assert answer.status_code == 200, answer.content


def followed() -> int:
    """Run the task of every notification; how many there are."""
    ids = list(Notification.objects.order_by("-pk").values_list("pk", flat=True))
    for pk in ids:
        tasks.process_notification(notification_id=pk)
    return len(ids)


@tells(webhook="CSWPXR")
def test_however_a_notification_comes_the_bank_is_asked_and_money_counts_once(
    cell: Cell, scene: Scene
):
    story = {
        "C": before_the_answer,
        "S": lost,
        "W": twice_and_a_hundred_times,
        "P": days_late,
        "X": after_the_cancel,
        "R": about_a_refund,
    }
    end = story[cell.point](scene)
    scene.rests()
    scene.ended(end)


def before_the_answer(scene: Scene) -> str:
    """The shopper has paid before the answer to our own create is here."""
    with under_way("gateway.answered", scene.starts):
        reference = scene.bank.payments()[-1]["reference"]
        scene.pays(reference)
        delivered(scene.notifies(reference))
        assert followed() == 1
        assert Payment.objects.get().state == State.CAPTURED
    return "1"


def lost(scene: Scene) -> str:
    """Nobody ever tells us: the bank's own word is lost on the way, and the shopper asks."""
    scene.starts()
    scene.pays()
    assert scene.bank.struck()["lose_notification"] == 1
    assert not Notification.objects.exists()
    assert scene.checks().status_code == 302
    return "1"


def twice_and_a_hundred_times(scene: Scene) -> str:
    scene.starts()
    scene.pays()
    for _ in range(100):
        delivered(scene.notifies())
    assert followed() == 1
    delivered(scene.notifies(event="evt-the-same-under-another-id"))
    assert followed() == 2
    return "1"


def days_late(scene: Scene) -> str:
    """Polling has found the money long before; three days later we are told, out of order."""
    scene.starts("redirect")
    scene.pays()
    assert scene.sweeps() == 200
    assert scene.state == "paid"
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        delivered(scene.notifies(event="evt-late"))
        delivered(scene.notifies(event="evt-opened-late", kind="payment.opened"))
        # Asking needs the bank's clock beside ours: the tasks run when it is right again.
    assert followed() == 2
    return "1"


def after_the_cancel(scene: Scene) -> str:
    """What cannot be closed is paid after the cancel; we hear of it last."""
    scene.starts("redirect")
    assert scene.cancels().status_code == 202
    scene.pays()
    delivered(scene.notifies())
    assert followed() == 1
    return "1"


def about_a_refund(scene: Scene) -> str:
    scene.is_paid()
    scene.still(refund_pending=1.0, refund_delay=2)
    assert scene.refunds().status_code == 201
    refund = Refund.objects.get()
    for event in ("evt-refund-1", "evt-refund-1", "evt-refund-2"):
        delivered(scene.notifies(kind="refund.done", refund=refund.reference, event=event))
    assert followed() == 2
    assert scene.bank.struck()["refund_pending"] == 1
    return "Rf"


@tells(webhook_after_refund="SWR")
def test_what_is_told_after_a_staff_refund_changes_nothing(cell: Cell, scene: Scene):
    scene.is_paid()
    assert scene.refunds().status_code == 201
    scene.ended("Rf")
    rows = Payment.objects.values_list("state", "role", "refunded_minor")
    before = list(rows)
    told = {
        "S": lambda: scene.notifies(event="evt-paid-again"),
        "W": lambda: [scene.notifies(event="evt-same") for _ in range(3)],
        "R": lambda: scene.notifies(
            kind="refund.done", refund=Refund.objects.get().reference, event="evt-refund"
        ),
    }
    told[cell.point]()
    assert followed() == 1
    scene.rests()
    assert list(rows) == before
    scene.ended("Rf")


@tells(queue="SWPXR")
def test_tasks_that_come_twice_never_or_in_the_wrong_order_do_their_work_once(
    cell: Cell, scene: Scene
):
    walk = WALKS[cell.point](scene, new_key())
    walk.prepare()
    story = {"S": sent_twice, "W": followed_late, "P": polled_out_of_order, "X": closed_twice,
             "R": driven_twice}  # fmt: skip
    assert story[cell.point](scene, walk.act) >= 2
    walk.finish()
    scene.ended(walk.end)


def sent_twice(scene: Scene, act: Any) -> int:
    act()
    reference = Payment.objects.get().reference
    return len([tasks.poll(reference=reference) for _ in range(2)])


def followed_late(scene: Scene, act: Any) -> int:
    """Never: the sweep has done it; then its task comes after all, twice."""
    act()
    scene.sweeps(6)
    assert scene.state == "paid"
    return followed() + followed()


def polled_out_of_order(scene: Scene, act: Any) -> int:
    """The poll of an older plan comes first, the notification's task before it was due."""
    reference = Payment.objects.get().reference
    assert tasks.poll(reference=reference) is False
    delivered(scene.notifies())
    count = followed()
    act()
    return count + len([tasks.poll(reference=reference) for _ in range(2)])


def closed_twice(scene: Scene, act: Any) -> int:
    act()
    return len([scene.sweeps() for _ in range(2)])


def driven_twice(scene: Scene, act: Any) -> int:
    scene.still(lose_answer=1.0, only=["refund"], at_most=1)
    act()
    assert scene.bank.struck()["lose_answer"] == 1
    Refund.objects.update(lease_until=None)
    reference = Refund.objects.get().reference
    for _ in range(3):
        tasks.drive_refund(reference=reference)
    return 3
