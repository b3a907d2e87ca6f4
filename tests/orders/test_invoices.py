"""Invoices: one per paid order, numbered without gaps, readable in every currency sold."""

from __future__ import annotations

import io

import pypdf
import pytest
from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from orders import invoices, paper, services
from orders.models import Invoice
from orders.problems import OrderNotFound
from orders.services import Shopper
from shop import outbox
from tests.factories import DeliveryFactory, ProductFactory, place
from tests.orders.story import paid_order, pay

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(pdf: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return "".join(page.extract_text(extraction_mode="layout") + "\f" for page in pages)


def issue(order) -> Invoice:
    with transaction.atomic():
        return invoices.issue(order.number, now=timezone.now())


def test_a_paid_order_has_its_invoice_within_the_relays_next_run(bank):
    order = paid_order(bank)
    with pytest.raises(OrderNotFound):
        invoices.invoice_pdf(order.public_id)
    outbox.relay(now=timezone.now())
    name, pdf = invoices.invoice_pdf(order.public_id)
    assert name == "INV-000001.pdf"
    assert pdf.startswith(b"%PDF-")


def test_a_second_delivery_of_the_fact_gives_no_second_number(bank):
    order = paid_order(bank)
    assert issue(order).pk == issue(order).pk
    assert Invoice.objects.count() == 1


def test_a_rolled_back_invoice_leaves_no_gap():
    first, second = place(), place()
    with transaction.atomic():
        invoices.issue(first.number, now=timezone.now())
        transaction.set_rollback(True)
    assert issue(second).number == 1
    assert issue(first).number == 2


def test_an_invoice_cannot_be_changed():
    issue(place())
    with pytest.raises(DatabaseError):
        Invoice.objects.update(number=7)


@pytest.mark.parametrize(
    ("currency", "price", "locale", "total"),
    [
        ("EUR", 1999, "en", "€39.98"),
        ("EUR", 1999, "de", "39,98 €"),
        ("USD", 1999, "en", "$39.98"),
        ("BRL", 1999, "en", "R$39.98"),
        ("CNY", 1999, "en", "CN¥39.98"),
        ("INR", 199900, "en", "₹3,998.00"),
        ("JPY", 2980, "en", "¥5,960"),
        ("KWD", 6150, "en", "KWD12.300"),
    ],
)
def test_the_pdf_shows_number_order_and_total(currency, price, locale, total):
    good = ProductFactory(prices={currency: price}, title="Teekanne für Łódź", title_de="Teekanne")
    shopper = Shopper("ada@example.com", locale, {"name": "Živa Åström", "city": "Łódź"})
    order = place((good, 2), currency=currency, shopper=shopper)
    invoice = issue(order)
    text = text_of(invoices.invoice_pdf(order.public_id)[1]).replace("\xa0", " ")
    for part in (invoice.label, order.number, "Živa Åström", total, good.sku):
        assert part in text


def test_the_pdf_shows_delivery_and_the_tax_inside():
    DeliveryFactory()
    order = place((ProductFactory(prices={"EUR": 11900}), 1), delivery="standard")
    issue(order)
    text = text_of(invoices.invoice_pdf(order.public_id)[1])
    for part in ("Standard", "€4.90", "€123.90", "19 %", "€19.00", "€0.78"):
        assert part in text


def test_forty_lines_run_over_to_a_second_page():
    order = place(*((ProductFactory(), 1) for _ in range(40)))
    issue(order)
    assert text_of(invoices.invoice_pdf(order.public_id)[1]).count("\f") == 2


@pytest.mark.parametrize("name", ["山田 太郎 たろう", "张伟", "김철수", "Ada 中村"])
def test_a_name_in_han_kana_or_hangul_is_written_out(name):
    buyer = Shopper("ada@example.com", "en", {"name": name, "city": "Łódź"})
    order = place((ProductFactory(title="急須 Tea pot"), 1), shopper=buyer)
    pdf = paper.sheet(order, label="INV-1", issued_at=timezone.now())
    paper.headline(pdf, "急須")  # bold, of which the font has one weight only
    paper.row(pdf, order.lines.get().title)
    text = text_of(bytes(pdf.output()))
    for written in (name, "Łódź", "急須 Tea pot"):
        assert written in text
    assert set(pdf.fonts) == {"dejavu", "dejavuB", "droid"}


def test_other_papers_do_not_read_the_large_font():
    buyer = Shopper("ada@example.com", "en", {"name": "Łukasz Ωμέγα Жук"})
    pdf = paper.sheet(place(shopper=buyer), label="INV-1", issued_at=timezone.now())
    assert "Ωμέγα Жук" in text_of(bytes(pdf.output()))
    assert set(pdf.fonts) == {"dejavu", "dejavuB"}


def test_a_paper_in_hebrew_is_written_as_it_is_read():
    assert paper.visual("Order PO-1: 12.50 €") == "Order PO-1: 12.50 €"
    # On paper the last letter of a Hebrew line stands leftmost; figures run as everywhere.
    assert paper.visual("תודה") == "הדות"
    assert paper.visual("סך הכול: 12.50") == "12.50 :לוכה ךס"
    assert paper.visual("\u200f12.50\xa0\u200f€") == "€\xa012.50"


def test_an_invoice_in_hebrew_begins_its_lines_at_the_right(bank):
    buyer = Shopper("ada@example.com", "he", {"name": "עדה לאבלייס", "city": "חיפה"})
    order = place((ProductFactory(title="קומקום Tea pot"), 1), shopper=buyer)
    bank.pay(pay(order).payment.reference)
    services.check_order(public_id=order.public_id, now=timezone.now())
    invoice = issue(order)
    _, pdf = invoices.invoice_pdf(order.public_id)
    text = text_of(pdf)
    assert invoice.label in text
    assert "19.99" in text
    line = next(line for line in text.splitlines() if order.number in line)
    assert len(line) - len(line.lstrip()) > 30
