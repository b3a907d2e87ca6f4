"""Commits are lost that we had acted upon, or the bank has what we never had: it is adopted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from payments.models import Payment, Refund, ReviewCase
from tests.bank import Bank
from tests.factories import new_key
from tests.matrix.lost_commits import losing_commits
from tests.matrix.scene import REFUNDED_MINOR, Scene
from tests.matrix.table import Cell, tells
from tests.matrix.walks import WALKS

pytestmark = pytest.mark.django_db(transaction=True)


def lost(act: Callable[[], Any]) -> dict[str, int]:
    with losing_commits() as gone:
        act()
    assert gone, "nothing was lost"
    return gone


def paid_by(scene: Scene, method: str) -> None:
    scene.starts(method)
    scene.pays()


@tells(failover_async="SWPX")
def test_a_step_whose_commits_were_lost_is_taken_again(cell: Cell, scene: Scene):
    walk = WALKS[cell.point](scene, new_key())
    walk.prepare()
    assert lost(walk.act)
    walk.finish()
    scene.ended(walk.end)


@tells(failover_async="BC")
def test_a_payment_whose_row_was_lost_is_adopted(cell: Cell, bank: Bank):
    """The shopper holds the QR code of an attempt that we do not know any more."""
    scene = Scene(bank)
    paid_before = cell.point == "C"
    gone = lost(lambda: paid_by(scene, "qr") if paid_before else scene.starts())
    assert gone["payments_payment"] == 1
    assert not Payment.objects.filter(intent__order_reference=scene.order.number).exists()
    if not paid_before:
        scene.pays()
    scene.reconciles()
    scene.rests()
    scene.ended("1")
    assert len(scene.references) == 1
    if not paid_before:
        both_paid(Scene(bank))


def both_paid(scene: Scene) -> None:
    """Before anybody compared the books the shopper has paid again."""
    lost(scene.starts)
    forgotten = scene.reference
    again = scene.starts().json()["reference"]
    assert again != forgotten
    for reference in (forgotten, again):
        scene.pays(reference)
    scene.rests()
    scene.reconciles()
    scene.rests()
    scene.ended("1x")


@tells(failover_async="R")
def test_a_refund_whose_row_was_lost_is_adopted_and_not_sent_again(cell: Cell, scene: Scene):
    scene.is_paid()
    gone = lost(scene.refunds)
    assert gone["payments_refund"] == 1
    assert not Refund.objects.exists()
    scene.reconciles()
    assert scene.refunds(so_far=0).status_code == 409  # what went back is shown first
    scene.ended("Rf")
    assert Refund.objects.get().kind == "adopted"


@tells(orphan="CSPR")
def test_what_the_bank_has_and_we_lack_is_booked(cell: Cell, bank: Bank):
    story = {"C": a_payment, "S": a_second_payment, "P": on_the_daily_list, "R": a_refund}
    scene = Scene(bank)
    end = story[cell.point](scene)
    scene.rests()
    scene.ended(end)


def a_payment(scene: Scene) -> str:
    assert lost(lambda: paid_by(scene, "redirect"))["payments_payment"] == 1
    assert scene.reconciles()[0].adopted == 1
    return "1"


def a_second_payment(scene: Scene) -> str:
    """One purchase is settled when the other one turns up."""
    lost(lambda: paid_by(scene, "redirect"))
    scene.is_paid("qr")
    assert scene.reconciles()[0].adopted == 1
    assert [r.kind for r in Refund.objects.all()] == ["surplus"]
    return "1x"


def on_the_daily_list(scene: Scene) -> str:
    """Looked at first, without a word of ours changed: the list names it."""
    lost(lambda: paid_by(scene, "redirect"))
    (result,) = scene.reconciles(dry_run=True)
    (found,) = [d for d in result.comparison.differences if d.reference == scene.reference]
    assert (found.problem.value, found.there_minor) == ("missing here", scene.order.total_minor)
    assert not Payment.objects.exists()
    assert not ReviewCase.objects.exists()
    assert scene.reconciles()[0].adopted == 1
    return "1"


def a_refund(scene: Scene) -> str:
    scene.is_paid()
    lost(scene.refunds)
    assert scene.reconciles()[0].adopted == 1
    assert Payment.objects.get().refunded_minor == REFUNDED_MINOR
    return "Rf"
