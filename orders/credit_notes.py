"""The credit note: takes back what was refunded of an invoice, which itself never changes.

One per refund of the payment that pays the order, numbered without gaps in a series of its
own. Money that never paid the order (a second payment, a late one) was never invoiced.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Sum
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import override
from fpdf import FPDF

from orders import invoices, paper
from orders.models import CreditNote, InvoiceCounter, Order
from orders.problems import OrderNotFound

SERIES = "CN"


def issue(
    order_reference: str, *, refund_reference: str, amount_minor: int, now: datetime
) -> CreditNote | None:
    """Give the refund its note, once; None where the order was never paid.

    The caller holds the intent's lock, and its transaction makes or undoes both.
    """
    known = CreditNote.objects.filter(refund_reference=refund_reference).first()
    if known is not None:
        return known
    if Order.objects.get(number=order_reference).paid_at is None:
        return None
    # The fact of the refund may be heard before the one of the payment.
    invoice = invoices.issue(order_reference, now=now)
    before = invoice.credit_notes.aggregate(sum=Sum("amount_minor"))["sum"] or 0
    InvoiceCounter.objects.get_or_create(series=SERIES)
    # Keeps out every other issuer until we commit: a number taken is a number used.
    counter = InvoiceCounter.objects.select_for_update().get(series=SERIES)
    counter.last_number += 1
    counter.save(update_fields=["last_number"])
    return CreditNote.objects.create(
        series=SERIES,
        number=counter.last_number,
        invoice=invoice,
        refund_reference=refund_reference,
        amount_minor=amount_minor,
        credited_before_minor=before,
        issued_at=now,
    )


def credit_note_pdf(public_id: str, label: str) -> tuple[str, bytes]:
    """The file name and the PDF of one note of this order. Raises OrderNotFound."""
    notes = CreditNote.objects.select_related("invoice__order")
    found = notes.filter(invoice__order__public_id=public_id)
    note = next((note for note in found if note.label == label), None)
    if note is None:
        raise OrderNotFound
    return draw(note)


def draw(note: CreditNote) -> tuple[str, bytes]:
    """The file name and the PDF, in the order's language."""
    with override(note.invoice.order.locale):
        return f"{note.label}.pdf", _draw(note)


def _draw(note: CreditNote) -> bytes:
    order = note.invoice.order
    pdf = paper.sheet(order, label=note.label, issued_at=note.issued_at)
    paper.headline(pdf, _("Credit note %(number)s") % {"number": note.label})
    issued = formats.date_format(note.issued_at, "DATE_FORMAT")
    invoiced = formats.date_format(note.invoice.issued_at, "DATE_FORMAT")
    paper.row(pdf, _("Date: %(date)s") % {"date": issued})
    about = {"number": note.invoice.label, "date": invoiced}
    paper.row(pdf, _("To invoice %(number)s of %(date)s") % about)
    paper.row(pdf, _("Order: %(number)s") % {"number": order.number})
    paper.row(pdf, _("Refund: %(reference)s") % {"reference": note.refund_reference})
    back = {"amount": paper.money(note.amount_minor, order)}
    paper.total(pdf, _("Sent back: %(amount)s") % back)
    _taxes(pdf, note)
    pdf.ln(8)
    pdf.set_font(size=9)
    paper.row(pdf, _("The money went back the way it came. The invoice itself stays as it is."))
    return bytes(pdf.output())


def _taxes(pdf: FPDF, note: CreditNote) -> None:
    order = note.invoice.order
    for rate, tax_minor in invoices.taxes(order).items():
        words = _("including %(rate)s tax: %(amount)s")
        if rate is None:
            words = _("including tax on delivery: %(amount)s")
        back = _share(tax_minor, note, order)
        shown = {"rate": paper.rate(rate or 0), "amount": paper.money(back, order)}
        paper.row(pdf, words % shown, align="R")


def _share(tax_minor: int, note: CreditNote, order: Order) -> int:
    """This note's part of a tax. Notes for all of the money take back exactly all of the tax."""
    before = note.credited_before_minor
    until = before + note.amount_minor
    return tax_minor * until // order.total_minor - tax_minor * before // order.total_minor
