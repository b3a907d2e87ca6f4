"""`manage.py refund_retry`: on its way it is pursued, failed it is replaced, waiting it waits."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils import timezone

from payments import services as payments
from payments.models import Refund
from tests.ops.test_commands import failed_refund, paid, run
from tests.payments.conftest import OWED

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return get_user_model().objects.create_superuser("ada", "ada@payonce.example", "x")


class TestRefundRetry:
    def test_a_failed_refund_is_replaced_once_in_somebodys_name(self, debt, bank, ada):
        refund = failed_refund(debt, bank)
        assert run("refund_retry", refund.reference, "--as", "ada", "--dry-run")["would"]
        assert Refund.objects.count() == 1
        told = run("refund_retry", refund.reference, "--as", "ada")
        assert told["replaced_by"].split()[0] != refund.reference
        with pytest.raises(CommandError):
            call_command("refund_retry", refund.reference, "--as", "ada")
        assert Refund.objects.count() == 2

    def test_a_failed_refund_needs_a_name_with_the_right(self, debt, bank):
        refund = failed_refund(debt, bank)
        get_user_model().objects.create_user("bob", "bob@payonce.example", "x", is_staff=True)
        for arguments in ([], ["--as", "nobody"], ["--as", "bob"]):
            with pytest.raises(CommandError):
                call_command("refund_retry", refund.reference, *arguments)

    @pytest.mark.parametrize("flags", [[], ["--dry-run"]])
    def test_one_that_waits_for_a_person_goes_on_waiting_and_says_so(
        self, debt, bank, ada, settings, flags
    ):
        settings.REFUND_APPROVAL_LIMIT_MINOR = {"EUR": 1}
        view = payments.refund_payment(
            payment_reference=paid(debt, bank).reference,
            amount_minor=OWED,
            refunded_so_far_minor=0,
            reason="sent back",
            actor="ada",
            claim=None,
            now=timezone.now(),
        )
        told = run("refund_retry", view.reference, *flags)
        assert (told["was"], "second person" in told["would"]) == ("requested", True)
        assert bank.net() == OWED

    def test_a_refund_on_its_way_is_asked_about(self, debt, bank, ada):
        payment = paid(debt, bank)
        bank.faults(error_before=1.0)
        view = payments.refund_payment(
            payment_reference=payment.reference,
            amount_minor=OWED,
            refunded_so_far_minor=0,
            reason="sent back",
            actor="ada",
            claim=None,
            now=timezone.now() - timedelta(minutes=1),
        )
        bank.faults()
        assert run("refund_retry", view.reference)["is"] in ("pending", "done")
