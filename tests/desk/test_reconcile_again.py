"""A day is compared once more: at the desk by who may, at the command line with its progress."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.urls import reverse

from payments.models import Reconciliation, ReviewCase
from shop.models import StaffAction
from tests.desk.people import at_the_desk, person, text_of
from tests.desk.test_reconcile import payment_of, reconcile, sql
from tests.orders.story import paid_order

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_day_is_compared_again_by_who_may_and_on_record(bank):
    order = paid_order(bank)
    reconcile()
    day = Reconciliation.objects.get()
    sql("DELETE FROM payments_payment WHERE gateway_order_id IS NOT NULL")
    ReviewCase.objects.all().delete()
    where = reverse("desk:reconciliation-again", args=[day.pk])
    assert at_the_desk(person("clerk")).post(where).status_code == 403
    ada = at_the_desk(person("ada", "compare_day"))
    assert "Compare again" in text_of(ada.get(reverse("desk:reconciliation", args=[day.pk])))
    answer = ada.post(where, follow=True)
    assert "Compared again: 0 differences, 1 adopted" in text_of(answer)
    assert payment_of(order).state == "captured"
    act = StaffAction.objects.get()
    assert (act.action, act.detail) == ("compared a day again", {"differences": 0, "adopted": 1})


def test_without_the_banks_word_a_day_stays_as_it_was(bank):
    paid_order(bank)
    reconcile()
    day = Reconciliation.objects.get()
    bank.faults(error_before=1.0)
    ada = at_the_desk(person("ada", "compare_day"))
    answer = ada.post(reverse("desk:reconciliation-again", args=[day.pk]))
    assert (answer.status_code, "gave no statement" in text_of(answer)) == (503, True)
    assert Reconciliation.objects.get().ran_at == day.ran_at


def test_who_waits_is_told_how_far_it_is(bank, capsys):
    paid_order(bank)
    for command, words in (("reconcile", "reading the statement"), ("audit", "1 of 1 days read")):
        call_command(command, "--json", verbosity=2)
        told = capsys.readouterr()
        assert words in told.err
        json.loads(told.out)
        call_command(command, "--json")
        assert capsys.readouterr().err == ""
