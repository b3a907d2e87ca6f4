"""A gateway that cannot report: its statement is fetched later, and never read as an empty day."""

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from payments import breaker
from payments import services as payments
from payments.gateways import base
from payments.gateways.sandbox import SandboxGateway
from payments.models import Payment, Reconciliation, ReviewCase
from shop import books
from tests.ops.conftest import a_minute_passes
from tests.payments.conftest import forget_adapters

pytestmark = pytest.mark.usefixtures("quick_breaker")

#: The money of today is looked at from here, where its day is over.
TOMORROW = timedelta(days=1, hours=2)
STATEMENT = "GET /v1/statement"


class ShortOfBreath(SandboxGateway):
    """A bank that tells of yesterday and then falls silent."""

    def statement(self, day: date) -> Sequence[base.StatementRow]:
        if day == today() - timedelta(days=1):
            return super().statement(day)
        raise base.Unknown("no answer")


@pytest.fixture
def charged(debt, bank, settings) -> Payment:
    """One payment whose money is in the bank's books of today."""
    settings.RECONCILE_DAYS = 3
    reference = debt.start("qr").payment.reference
    bank.pay(reference)
    payments.refresh_payment(reference=reference, now=timezone.now())
    return Payment.objects.get()


def make_up() -> int:
    return books.reconcile_missing_days(now=timezone.now() + TOMORROW)


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def break_it() -> None:
    for _ in range(3):
        breaker.breaker("sandbox").unanswered()


def test_while_the_gateway_is_down_no_statement_is_asked_and_no_day_written(charged, line):
    break_it()
    breaker.breaker("sandbox").probe_from -= 61  # due, and none of the statement's business
    assert make_up() == 0
    with pytest.raises(CommandError, match="did not give its statement"):
        call_command("reconcile", "--date", str(today()), stdout=StringIO())
    with pytest.raises(CommandError, match="nothing is proven"):
        call_command("audit", stdout=StringIO())
    assert line.count(STATEMENT) == 0
    assert not Reconciliation.objects.exists()
    assert not ReviewCase.objects.exists()


def test_the_next_run_makes_up_for_every_day_that_was_missed(charged, line, bank):
    break_it()
    assert make_up() == 0
    a_minute_passes()
    assert make_up() == 3
    assert list(Reconciliation.objects.values_list("missing_there", flat=True)) == [0, 0, 0]
    assert Reconciliation.objects.get(day=today()).matched == 1
    assert breaker.breaker("sandbox").failed_at is None, "an answer closes it, also at night"


def test_a_gateway_that_only_cannot_report_goes_on_selling(charged, line, bank, debt):
    bank.faults(error_before=1.0)
    for _ in range(4):
        assert make_up() == 0
    assert line.count(STATEMENT) == 4, "one question a run: the other days wait"
    assert not Reconciliation.objects.exists()
    bank.faults()
    assert not breaker.is_down("sandbox")
    assert type(debt)("PO-TEST-2").start("redirect").payment.state == "open"


def test_a_statement_that_fails_as_the_probe_keeps_the_gateway_alone(charged, line, bank):
    bank.faults(error_before=1.0)
    break_it()
    a_minute_passes()
    assert make_up() == 0
    assert line.count(STATEMENT) == 1
    assert breaker.is_down("sandbox")
    assert make_up() == 0
    assert line.count(STATEMENT) == 1


def test_a_statement_that_breaks_off_half_way_writes_nothing(charged, line, settings):
    # The day itself answers; the days around, where a refund is looked for, do not.
    payments.refund_payment(
        payment_reference=charged.reference,
        amount_minor=500,
        refunded_so_far_minor=0,
        reason="sent back",
        actor="ada",
        claim=None,
        now=timezone.now(),
    )
    yesterday = today() - timedelta(days=1)
    refund = charged.refunds.get()
    type(refund)._base_manager.filter(pk=refund.pk).update(
        done_at=timezone.now() - timedelta(days=1), created_at=timezone.now() - timedelta(days=1)
    )
    settings.PAYMENT_GATEWAYS["sandbox"]["adapter"] = f"{__name__}.ShortOfBreath"
    forget_adapters()
    with pytest.raises(CommandError, match="did not give its statement"):
        call_command("reconcile", "--date", str(yesterday), stdout=StringIO())
    assert not Reconciliation.objects.exists()
    assert not ReviewCase.objects.exists()
