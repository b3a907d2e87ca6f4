"""Questions of shoppers and staff come on top of the schedule: they neither slow it nor end it."""

from datetime import timedelta

from django.utils import timezone

from payments import polling, services
from payments.models import Payment, ReviewCase


def test_many_presses_put_no_ask_off_and_use_none_up(debt, bank, settings):
    settings.POLL_TRIES_MAX = 5
    reference = debt.start("qr").payment.reference
    now = timezone.now()
    for step in range(20):
        services.refresh_payment(reference=reference, now=now + timedelta(seconds=step / 10))
    row = Payment.objects.get()
    assert row.poll_count == 0
    assert row.next_poll_at is not None
    assert row.next_poll_at - now < timedelta(seconds=4)
    assert not ReviewCase.objects.exists()


def test_a_question_late_in_the_schedule_leaves_the_next_ask_where_it_was(debt, bank):
    reference = debt.start("qr").payment.reference
    now = timezone.now()
    Payment.objects.update(poll_count=9, next_poll_at=now + timedelta(seconds=100))
    services.refresh_payment(reference=reference, now=now)
    assert Payment.objects.get().next_poll_at == now + timedelta(seconds=100)


def test_a_question_to_a_payment_that_nobody_asks_about_any_more_begins_anew(debt, bank):
    reference = debt.start("qr").payment.reference
    Payment.objects.update(next_poll_at=None)
    polling.ask_now(reference, now=timezone.now(), source="staff")
    assert Payment.objects.get().next_poll_at is not None
