"""Mails to the shopper: one per occasion, in the order's language, with figures that are true."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail as sent
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.utils import timezone

from orders import services
from orders.events import OrderPaid
from orders.models import Mail
from orders.post import sending, subscribers
from orders.services import Shopper
from payments import services as payments
from payments.models import Payment
from tests.factories import ProductFactory, place
from tests.orders.letterbox import deliver, inbox, newest, subjects
from tests.orders.story import (
    cancelled_with_a_payable_page,
    fresh,
    late_money,
    paid_order,
    pay,
    refund,
    retell,
    wait_for_refunds,
)

pytestmark = pytest.mark.django_db(transaction=True)

GERMAN = Shopper("ada@example.com", "de", {"name": "Ada Lovelace"})


def test_an_order_that_was_placed_has_its_link_in_a_mail():
    order = place((ProductFactory(title="Tea pot"), 2))
    assert deliver() == 1
    text = newest(order.number)
    assert f"/orders/{order.public_id}/" in text
    assert "2 × Tea pot: €39.98" in text
    assert sent.outbox[0].to == ["ada@example.com"]


def test_a_paid_order_has_its_receipt_with_the_invoice_attached(bank):
    order = paid_order(bank)
    deliver()
    text = newest("Paid")
    assert f"We received €19.99 for order {order.number}, once." in text
    assert Payment.objects.get().reference in text
    (name, content, kind) = sent.outbox[-1].attachments[0]
    assert (name, content[:5], kind) == ("INV-000001.pdf", b"%PDF-", "application/pdf")


def test_who_pays_twice_reads_of_both_payments_and_which_one_stays(bank):
    order = place()
    first = pay(order, "redirect").payment.reference
    second = pay(order, "qr").payment.reference
    bank.pay(first)
    bank.pay(second)
    for reference in (first, second):
        payments.refresh_payment(reference=reference, now=timezone.now())
    deliver()
    text = newest("You paid twice")
    kept = Payment.objects.get(role="settling")
    back = Payment.objects.exclude(pk=kept.pk).get(captured_minor__gt=0)
    parts = text.split("It goes back.")
    for payment, part in ((kept, parts[0]), (back, parts[1])):
        assert payment.reference in part
        assert "€19.99" in part
        assert "UTC" in part
    assert back.refunds.get().reference in parts[1]
    assert "Kept: it pays this order." in parts[0]
    assert "We keep €19.99" in newest("Paid")


def test_a_refund_that_is_done_is_told_with_its_credit_note(bank):
    order = paid_order(bank)
    payment = Payment.objects.get()
    refund(payment.reference, 500, 0)
    wait_for_refunds(order)
    deliver(3600)
    text = newest("Sent back")
    assert "€5.00 went back" in text
    assert payment.refunds.get().reference in text
    assert sent.outbox[-1].attachments[0][0] == "CN-000001.pdf"


def test_each_refund_has_a_mail_of_its_own(bank):
    order = paid_order(bank)
    reference = Payment.objects.get().reference
    for number in (0, 1):
        refund(reference, 500, 500 * number)
        wait_for_refunds(order)
    deliver(3600)
    assert sum("Sent back" in subject for subject in subjects()) == 2


def test_an_order_whose_time_ran_out_says_so():
    order = place()
    services.expire_unpaid_orders(now=order.expires_at + timedelta(seconds=1))
    deliver(7200)
    assert "The time to pay ran out." in newest("ended unpaid")


def test_an_order_that_its_shopper_cancelled_says_so():
    order = place()
    services.cancel_order(public_id=order.public_id, now=timezone.now())
    deliver()
    assert "You cancelled this order." in newest("ended unpaid")


def test_money_that_came_too_late_is_told_to_go_back(bank):
    good = ProductFactory(stock=1)
    order, reference = cancelled_with_a_payable_page(bank, good)
    place((good, 1))
    late_money(bank, order, reference)
    deliver()
    text = newest("came too late")
    assert reference in text
    assert Payment.objects.get(reference=reference).refunds.get().reference in text


def test_a_mail_speaks_the_language_of_its_order_and_not_the_workers(bank):
    order = place((ProductFactory(title_de="Teekanne"), 1), shopper=GERMAN)
    bank.pay(pay(order).payment.reference)
    services.check_order(public_id=order.public_id, now=timezone.now())
    deliver()
    assert "Ihre Bestellung" in subjects()[0]
    assert "Wir haben 19,99 € für Bestellung" in newest("Bezahlt")
    assert {m["Content-Language"] for m in inbox()} == {"de"}


def test_text_and_html_say_the_same_and_nothing_is_loaded_from_anywhere(bank):
    order = place((ProductFactory(title="<b>Tea</b> & more"), 1))
    deliver()
    (message,) = sent.outbox
    assert isinstance(message, EmailMultiAlternatives)
    html = str(message.alternatives[0][0])
    assert "<b>Tea</b> & more" in message.body
    assert "&lt;b&gt;Tea&lt;/b&gt; &amp; more" in html
    assert "<b>" not in html
    assert order.public_id in html
    for loaded in ("<img", "src=", "url(", "@import", "<link", "<script"):
        assert loaded not in html


# --- once, and at least once ----------------------------------------------------------------------


def test_a_fact_that_is_told_again_writes_no_second_mail(bank):
    order = paid_order(bank)
    deliver()
    paid_at = fresh(order).paid_at
    assert paid_at is not None
    fact = OrderPaid(order.number, order.total_minor, order.currency, paid_at)
    retell(subscribers.tell_paid, fact)
    assert deliver(3600) == 0
    assert sum("Paid" in subject for subject in subjects()) == 1


def test_the_database_refuses_a_second_mail_of_the_same_occasion():
    place()
    deliver()
    first = Mail.objects.get()
    first.pk, first.message_id = None, "<another@payonce.example>"
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save(force_insert=True)


def test_a_mail_that_went_out_but_was_not_marked_comes_again_with_the_same_id():
    place()
    deliver()
    Mail.objects.update(sent_at=None, next_try_at=timezone.now())
    assert sending.send_mails(now=timezone.now()) == 1
    first, second = (m["Message-ID"] for m in inbox())
    assert first == second == Mail.objects.get().message_id


def test_nothing_is_sent_inside_a_transaction():
    place()
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        sending.send_mails(now=timezone.now())


# --- who may not be written to -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Ada\r\nBcc: eve@example.com", "Ada\nSubject: You won"])
def test_a_line_break_in_a_name_reaches_no_header(name):
    place(shopper=Shopper("ada@example.com", "en", {"name": name}))
    deliver()
    (message,) = inbox()
    assert message["Bcc"] is None
    assert "You won" not in str(message["Subject"])
    assert sent.outbox[0].recipients() == ["ada@example.com"]


def test_a_line_break_in_an_address_is_never_sent_and_never_tried_again():
    place(shopper=Shopper("ada@example.com\nBcc: eve@example.com"))
    assert deliver() == 0
    mail = Mail.objects.get()
    assert (mail.sent_at, mail.next_try_at) == (None, None)
    assert mail.last_error == "a line break in a header"
    assert deliver(7200) == 0


def test_a_mail_in_hebrew_runs_from_right_to_left(bank):
    order = place(shopper=Shopper("ada@example.com", "he", {"name": "עדה לאבלייס"}))
    bank.pay(pay(order).payment.reference)
    services.check_order(public_id=order.public_id, now=timezone.now())
    deliver()
    assert f"ההזמנה שלכם {order.number}" in subjects()
    message = sent.outbox[-1]
    assert isinstance(message, EmailMultiAlternatives)
    assert '<html lang="he" dir="rtl">' in str(message.alternatives[0][0])
    assert "פעם אחת" in message.body
    assert "19.99" in message.body
