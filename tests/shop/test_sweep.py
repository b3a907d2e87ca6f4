"""`manage.py sweep`: what is due is done by hand; a dry run only counts it."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from payments.models import Payment
from tests.bank import Bank
from tests.buyer import Buyer

pytestmark = pytest.mark.django_db(transaction=True)


def sweep(*flags: str) -> dict[str, Any]:
    out = StringIO()
    call_command("sweep", "--json", *flags, stdout=out)
    done: dict[str, Any] = json.loads(out.getvalue())
    return done


def test_a_dry_run_counts_and_moves_nothing_and_a_pass_does_it(bank: Bank):
    call_command("seed", stdout=StringIO())
    buyer = Buyer()
    reference = buyer.pay(buyer.order()).json()["reference"]
    bank.pay(reference)
    Payment.objects.update(next_poll_at=timezone.now() - timedelta(seconds=1))
    assert sweep("--dry-run")["payments"] == 1
    assert Payment.objects.get().state == "open"
    assert sweep()["payments"] == 1
    assert Payment.objects.get().state == "captured"
    assert sweep("--dry-run")["payments"] == 0
