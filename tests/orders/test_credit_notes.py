"""Credit notes: one per refund of what was invoiced, numbered without gaps, never changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import Error as DatabaseError
from django.db import transaction
from django.test import Client
from django.utils import timezone

from orders import credit_notes, invoices, outcomes
from orders.models import CreditNote, Invoice, Order
from orders.moves import locked
from orders.post import subscribers
from orders.problems import OrderNotFound
from orders.services import Shopper
from payments import services as payments
from payments.events import RefundDone
from payments.models import Payment, Refund
from shop import outbox
from tests.factories import DeliveryFactory, ProductFactory, place
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
from tests.orders.test_invoices import text_of

pytestmark = pytest.mark.django_db(transaction=True)


def relay(seconds: float = 3600) -> None:
    outbox.relay(now=timezone.now() + timedelta(seconds=seconds))


def refunded(order: Order, *amounts_minor: int) -> list[CreditNote]:
    so_far = 0
    for amount_minor in amounts_minor:
        refund(Payment.objects.get(role="settling").reference, amount_minor, so_far)
        wait_for_refunds(order)
        so_far += amount_minor
    relay()
    return list(CreditNote.objects.all())


def shown(note: CreditNote) -> str:
    public_id = note.invoice.order.public_id
    name, pdf = credit_notes.credit_note_pdf(public_id, note.label)
    assert name == f"{note.label}.pdf"
    return text_of(pdf).replace("\xa0", " ")


def note_of(order: Order, reference: str, amount_minor: int) -> CreditNote | None:
    with transaction.atomic():
        payments.lock_intent(order_reference=order.number)
        return credit_notes.issue(
            order.number,
            refund_reference=reference,
            amount_minor=amount_minor,
            now=timezone.now(),
        )


def test_each_refund_has_its_note_and_the_invoice_stays_as_it_was(bank):
    order = paid_order(bank)
    relay()
    invoice = Invoice.objects.get()
    before = invoices.invoice_pdf(order.public_id)
    first, second = refunded(order, 500, 1499)
    assert (first.label, second.label) == ("CN-000001", "CN-000002")
    assert fresh(order).state == "refunded"
    assert Invoice.objects.get() == invoice
    assert invoices.invoice_pdf(order.public_id) == before


def test_the_note_names_invoice_order_refund_and_amount(bank):
    order = paid_order(bank)
    (note,) = refunded(order, 500)
    text = shown(note)
    reference = Refund.objects.get().reference
    for part in ("CN-000001", "INV-000001", order.number, reference, "Sent back: €5.00"):
        assert part in text


def test_the_note_speaks_the_language_of_the_order(bank):
    order = place(shopper=Shopper("ada@example.com", "de"))
    bank.pay(pay(order).payment.reference)
    payments.refresh_intent(order_reference=order.number, now=timezone.now())
    (note,) = refunded(order, 500)
    assert "Gutschrift CN-000001" in shown(note)
    assert "Zurückgeschickt: 5,00 €" in shown(note)


def test_notes_for_all_of_the_money_take_back_exactly_all_of_the_tax():
    DeliveryFactory()
    order = place((ProductFactory(prices={"EUR": 1001}), 3), delivery="standard")
    with transaction.atomic():
        outcome_paid(order)
    notes = [note_of(order, f"R{n}", part) for n, part in enumerate((1, 7, 1000, 2485))]
    assert sum(note.amount_minor for note in notes if note) == order.total_minor
    for tax_minor in invoices.taxes(order).values():
        shares = [credit_notes._share(tax_minor, note, order) for note in notes if note]
        assert sum(shares) == tax_minor


def outcome_paid(order: Order) -> None:
    now = timezone.now()
    outcomes.money_came(locked(order.number), captured_at=now, source="test", now=now)


def test_a_fact_that_is_told_again_gives_no_second_number(bank):
    order = paid_order(bank)
    (note,) = refunded(order, 500)
    back = Refund.objects.get()
    fact = RefundDone(
        order.number,
        back.payment.reference,
        back.reference,
        500,
        settles=True,
        fully_refunded=False,
    )
    retell(subscribers.tell_refunded, fact)
    assert CreditNote.objects.get() == note


def test_a_rolled_back_note_leaves_no_gap(bank):
    order = paid_order(bank)
    with transaction.atomic():
        credit_notes.issue(
            order.number, refund_reference="R1", amount_minor=100, now=timezone.now()
        )
        transaction.set_rollback(True)
    note = note_of(order, "R2", 100)
    assert note is not None
    assert note.number == 1


def test_a_note_cannot_be_changed_nor_deleted(bank):
    order = paid_order(bank)
    note_of(order, "R1", 100)
    with pytest.raises(DatabaseError):
        CreditNote.objects.update(amount_minor=1)
    with pytest.raises(DatabaseError):
        CreditNote.objects.all().delete()


def test_a_second_payment_that_goes_back_was_never_invoiced_and_needs_no_note(bank):
    order = place()
    references = [pay(order, method).payment.reference for method in ("redirect", "qr")]
    for reference in references:
        bank.pay(reference)
        payments.refresh_payment(reference=reference, now=timezone.now())
    wait_for_refunds(order)
    relay()
    assert Refund.objects.get().state == "done"
    assert CreditNote.objects.count() == 0


def test_late_money_that_goes_back_has_neither_invoice_nor_note(bank):
    good = ProductFactory(stock=1)
    order, reference = cancelled_with_a_payable_page(bank, good)
    place((good, 1))
    late_money(bank, order, reference)
    wait_for_refunds(order)
    relay()
    assert (Invoice.objects.count(), CreditNote.objects.count()) == (0, 0)


def test_the_order_page_links_the_note_and_another_order_has_no_way_to_it(bank):
    order = paid_order(bank)
    (note,) = refunded(order, 500)
    page = Client().get(f"/orders/{order.public_id}/").content.decode()
    address = f"/orders/{order.public_id}/credit-notes/{note.label}.pdf"
    assert address in page
    answer = Client().get(address)
    assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    other = place()
    assert Client().get(address.replace(order.public_id, other.public_id)).status_code == 404
    with pytest.raises(OrderNotFound):
        credit_notes.credit_note_pdf(order.public_id, "CN-000002")
