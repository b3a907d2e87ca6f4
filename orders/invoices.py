"""The invoice: its number without gaps, its PDF drawn from frozen rows whenever asked for."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import override
from fpdf import FPDF

from orders import paper
from orders.models import Invoice, InvoiceCounter, Order
from orders.problems import OrderNotFound

SERIES = "INV"


def issue(order_reference: str, *, now: datetime) -> Invoice:
    """Give the paid order its number, once; the caller's transaction makes or undoes both."""
    order = Order.objects.get(number=order_reference)
    # Every mail asks for it: what is there already waits for nobody's number.
    if known := Invoice.objects.filter(order=order).first():
        return known
    InvoiceCounter.objects.get_or_create(series=SERIES)
    # Keeps out every other issuer until we commit: a number taken is a number used.
    counter = InvoiceCounter.objects.select_for_update().get(series=SERIES)
    if known := Invoice.objects.filter(order=order).first():
        return known
    counter.last_number += 1
    counter.save(update_fields=["last_number"])
    return Invoice.objects.create(
        series=SERIES, number=counter.last_number, order=order, issued_at=now
    )


def invoice_pdf(public_id: str) -> tuple[str, bytes]:
    """The file name and the PDF. Raises OrderNotFound while there is no invoice."""
    invoice = Invoice.objects.select_related("order").filter(order__public_id=public_id).first()
    if invoice is None:
        raise OrderNotFound
    with override(invoice.order.locale):
        return f"{invoice.label}.pdf", _draw(invoice)


def _draw(invoice: Invoice) -> bytes:
    order = invoice.order
    pdf = paper.sheet(order, label=invoice.label, issued_at=invoice.issued_at)
    paper.headline(pdf, _("Invoice %(number)s") % {"number": invoice.label})
    issued = formats.date_format(invoice.issued_at, "DATE_FORMAT")
    paper.row(pdf, _("Date: %(date)s") % {"date": issued})
    paper.row(pdf, _("Order: %(number)s") % {"number": order.number})
    pdf.ln(4)
    _lines(pdf, order)
    _sums(pdf, order)
    pdf.ln(8)
    pdf.set_font(size=9)
    paid_on = formats.date_format(order.paid_at or invoice.issued_at, "DATE_FORMAT")
    paper.row(pdf, _("Paid in full on %(date)s. Thank you.") % {"date": paid_on})
    return bytes(pdf.output())


def _lines(pdf: FPDF, order: Order) -> None:
    rows = [[_("Item"), _("Quantity"), _("Price"), _("Tax"), _("Total")]]
    for line in order.lines.all():
        rows.append(
            [
                f"{line.title} ({line.sku})",
                str(line.quantity),
                paper.money(line.unit_price_minor, order),
                paper.rate(line.tax_basis_points),
                paper.money(line.total_minor, order),
            ]
        )
    if order.delivery_code:
        title = order.delivery_title or order.delivery_code
        rows.append([title, "1", "", "", paper.money(order.delivery_minor, order)])
    paper.columns(pdf, rows, widths=(47, 17, 26, 14, 28))


def _sums(pdf: FPDF, order: Order) -> None:
    paper.total(pdf, _("Total: %(amount)s") % {"amount": paper.money(order.total_minor, order)})
    for rate, tax_minor in taxes(order).items():
        words = _("including %(rate)s tax: %(amount)s")
        if rate is None:
            words = _("including tax on delivery: %(amount)s")
        shown = {"rate": paper.rate(rate or 0), "amount": paper.money(tax_minor, order)}
        paper.row(pdf, words % shown, align="R")


def taxes(order: Order) -> dict[int | None, int]:
    """The tax inside the total by rate in basis points; None is what delivery bears."""
    found: dict[int | None, int] = defaultdict(int)
    for line in order.lines.all().order_by("tax_basis_points"):
        found[line.tax_basis_points] += line.tax_minor
    rest = order.tax_minor - sum(found.values())
    return dict(found) | ({None: rest} if rest else {})
