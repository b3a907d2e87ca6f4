"""A node whose clock is an hour away, to either side."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from payments import tasks
from payments.models import Notification, Payment
from tests.bank import Bank
from tests.matrix.scene import Scene
from tests.matrix.table import Cell, tells

pytestmark = pytest.mark.django_db(transaction=True)

AWAY = (timedelta(hours=1), timedelta(hours=-1))


@tells(clock="W")
def test_a_notification_at_a_node_with_a_wrong_clock_is_refused_and_the_money_found(
    cell: Cell, bank: Bank
):
    for away in AWAY:
        scene = Scene(bank)
        scene.starts()
        scene.pays()
        signed = bank.notification(scene.reference)
        with time_machine.travel(timezone.now() + away):
            assert scene.delivers(*signed).status_code == 400
            assert not Notification.objects.filter(reference=scene.reference).exists()
        scene.rests()
        scene.ended("1")
        with time_machine.travel(timezone.now() + timedelta(minutes=4)):
            assert scene.delivers(*signed).status_code == 200  # within the tolerance
        scene.ended("1")


@tells(clock="P")
def test_not_found_is_not_final_by_a_clock_that_differs_from_the_databases(cell: Cell, bank: Bank):
    """An hour ahead the horizon seems to be over: the late request would find a dead attempt."""
    for away in AWAY:
        scene = Scene(bank)
        scene.still(error_before=1.0, only=["create"], at_most=1)
        reference = scene.starts().json()["reference"]
        assert bank.struck()["error_before"] == 1
        # The bank's own clock is beside the node's, or no answer of it would count.
        bank.faults(lose_notification=1.0, clock_skew=away.total_seconds())
        row = Payment.objects.filter(reference=reference)
        row.update(next_poll_at="2000-01-01T00:00:00Z", lease_until="2000-01-01T00:00:00Z")
        row.update(presentation={"kind": "qr", "withheld": []})  # asked about, not sent again
        with time_machine.travel(timezone.now() + away):
            tasks.poll(reference=reference)
        assert row.get().state == "unknown", "a wrong clock has given an attempt up"
        row.update(presentation=None)
        scene.still()
        # The node has put its next question an hour away: the shopper's click comes first.
        assert scene.starts().json()["presentation"] is not None
        scene.pays(reference)
        scene.rests()
        scene.ended("1")
