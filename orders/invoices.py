"""The invoice: its number without gaps, its PDF drawn from frozen rows whenever asked for."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import override
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from orders.models import Invoice, InvoiceCounter, Order
from orders.problems import OrderNotFound
from shop.money import format_money

SERIES = "INV"
FONTS = Path(__file__).parent / "fonts"
ADDRESS_FIELDS = ("name", "street", "postcode", "city", "country")


def issue(order_reference: str, *, now: datetime) -> Invoice:
    """Give the paid order its number, once; the caller's transaction makes or undoes both."""
    InvoiceCounter.objects.get_or_create(series=SERIES)
    # Keeps out every other issuer until we commit: a number taken is a number used.
    counter = InvoiceCounter.objects.select_for_update().get(series=SERIES)
    order = Order.objects.get(number=order_reference)
    known = Invoice.objects.filter(order=order).first()
    if known is not None:
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
    pdf = _page(invoice)
    _header(pdf, invoice)
    _lines(pdf, order)
    _sums(pdf, order)
    pdf.ln(8)
    pdf.set_font(size=9)
    paid_on = formats.date_format(order.paid_at or invoice.issued_at, "DATE_FORMAT")
    _row(pdf, _("Paid in full on %(date)s. Thank you.") % {"date": paid_on})
    return bytes(pdf.output())


def _page(invoice: Invoice) -> FPDF:
    pdf = FPDF(format="A4")
    pdf.set_margin(20)
    # fpdf's own fonts know Latin-1 only: no rupee sign, no name outside western Europe.
    pdf.add_font("DejaVu", style="", fname=FONTS / "DejaVuSans.ttf")
    pdf.add_font("DejaVu", style="B", fname=FONTS / "DejaVuSans-Bold.ttf")
    pdf.set_font("DejaVu", size=10)
    pdf.set_title(invoice.label)
    pdf.set_lang(invoice.order.locale)
    pdf.set_creation_date(invoice.issued_at)
    pdf.add_page()
    return pdf


def _header(pdf: FPDF, invoice: Invoice) -> None:
    order = invoice.order
    for line in settings.INVOICE_SELLER:
        _row(pdf, line)
    pdf.ln(6)
    address = [str(order.address[name]) for name in ADDRESS_FIELDS if order.address.get(name)]
    for line in address or [order.email]:
        _row(pdf, line)
    pdf.ln(6)
    pdf.set_font(style="B", size=16)
    _row(pdf, _("Invoice %(number)s") % {"number": invoice.label}, height=10)
    pdf.set_font(style="", size=10)
    issued = formats.date_format(invoice.issued_at, "DATE_FORMAT")
    _row(pdf, _("Date: %(date)s") % {"date": issued})
    _row(pdf, _("Order: %(number)s") % {"number": order.number})
    pdf.ln(4)


def _lines(pdf: FPDF, order: Order) -> None:
    bold = FontFace(emphasis="BOLD")
    with pdf.table(
        col_widths=(52, 12, 26, 14, 28),
        text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT", "RIGHT"),
        borders_layout="HORIZONTAL_LINES",
        headings_style=bold,
    ) as table:
        table.row([_("Item"), _("Quantity"), _("Price"), _("Tax"), _("Total")])
        for line in order.lines.all():
            table.row(
                [
                    f"{line.title} ({line.sku})",
                    str(line.quantity),
                    _money(line.unit_price_minor, order),
                    _rate(line.tax_basis_points),
                    _money(line.total_minor, order),
                ]
            )
        if order.delivery_code:
            title = order.delivery_title or order.delivery_code
            table.row([title, "1", "", "", _money(order.delivery_minor, order)])


def _sums(pdf: FPDF, order: Order) -> None:
    pdf.ln(4)
    pdf.set_font(style="B", size=12)
    total = _("Total: %(amount)s") % {"amount": _money(order.total_minor, order)}
    _row(pdf, total, height=8, align="R")
    pdf.set_font(style="", size=10)
    taxes: dict[int, int] = defaultdict(int)
    for line in order.lines.all():
        taxes[line.tax_basis_points] += line.tax_minor
    for rate, tax in sorted(taxes.items()):
        words = _("including %(rate)s tax: %(amount)s")
        _row(pdf, words % {"rate": _rate(rate), "amount": _money(tax, order)}, align="R")
    rest = order.tax_minor - sum(taxes.values())
    if rest:
        words = _("including tax on delivery: %(amount)s")
        _row(pdf, words % {"amount": _money(rest, order)}, align="R")


def _row(pdf: FPDF, text: str, *, height: float = 5, align: str = "L") -> None:
    pdf.cell(0, height, text, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _money(amount_minor: int, order: Order) -> str:
    return format_money(amount_minor, order.currency, order.locale)


def _rate(basis_points: int) -> str:
    return f"{Decimal(basis_points) / 100:g} %"
