"""A sheet of paper: what invoice and credit note share when they are drawn."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.utils.translation import get_language_bidi
from fpdf import FPDF
from fpdf.bidi import BidiParagraph
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from orders.models import Order
from shop.money import format_money

FONTS = Path(__file__).parent / "fonts"
#: From here on Unicode keeps what DejaVu does not have: Han, kana, Hangul.
FIRST_EAST_ASIAN = "\u2e80"
#: What Unicode calls letters and marks of scripts that run from right to left.
RIGHT_TO_LEFT = ("R", "AL")
ADDRESS_FIELDS = ("name", "street", "postcode", "city", "country")


def sheet(order: Order, *, label: str, issued_at: datetime) -> FPDF:
    """A first page with the seller and the shopper on it."""
    pdf = FPDF(format="A4")
    pdf.set_margin(20)
    # fpdf's own fonts know Latin-1 only: no rupee sign, no name outside western Europe.
    pdf.add_font("DejaVu", style="", fname=FONTS / "DejaVuSans.ttf")
    pdf.add_font("DejaVu", style="B", fname=FONTS / "DejaVuSans-Bold.ttf")
    if _is_east_asian(order):
        # Large and read for most of a second: only where a name or a good is written so.
        pdf.add_font("Droid", style="", fname=FONTS / "DroidSansFallback.ttf")
        pdf.set_fallback_fonts(["Droid"], exact_match=False)
    pdf.set_font("DejaVu", size=10)
    pdf.set_title(label)
    pdf.set_lang(order.locale)
    pdf.set_creation_date(issued_at)
    pdf.add_page()
    for line in settings.INVOICE_SELLER:
        row(pdf, line)
    pdf.ln(6)
    address = [str(order.address[name]) for name in ADDRESS_FIELDS if order.address.get(name)]
    for line in address or [order.email]:
        row(pdf, line)
    pdf.ln(6)
    return pdf


def _is_east_asian(order: Order) -> bool:
    """Whether anything on the paper is written in Chinese, Japanese or Korean."""
    titles = [line.title for line in order.lines.all()]
    words = [*map(str, order.address.values()), order.delivery_title, *titles]
    return any(character >= FIRST_EAST_ASIAN for word in words for character in word)


def headline(pdf: FPDF, text: str) -> None:
    """What this paper is, large; what follows is small again."""
    pdf.set_font(style="B", size=16)
    row(pdf, text, height=10)
    pdf.set_font(style="", size=10)


def total(pdf: FPDF, text: str) -> None:
    """The sum, bold at the right."""
    pdf.ln(4)
    pdf.set_font(style="B", size=12)
    row(pdf, text, height=8, align="R")
    pdf.set_font(style="", size=10)


def row(pdf: FPDF, text: str, *, height: float = 5, align: str = "L") -> None:
    """One line of text; it begins where its language's lines begin."""
    if get_language_bidi():
        align = {"L": "R", "R": "L"}[align]
    pdf.cell(0, height, visual(text), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def columns(pdf: FPDF, rows: Sequence[Sequence[str]], *, widths: Sequence[int]) -> None:
    """A table under its heads: words first, then figures, from where its language begins."""
    turn = -1 if get_language_bidi() else 1
    words, figures = ("RIGHT", "LEFT") if get_language_bidi() else ("LEFT", "RIGHT")
    with pdf.table(
        col_widths=tuple(widths[::turn]),
        text_align=(words, *[figures] * (len(widths) - 1))[::turn],
        borders_layout="HORIZONTAL_LINES",
        headings_style=FontFace(emphasis="BOLD"),
    ) as table:
        for cells in rows:
            table.row([visual(cell) for cell in cells[::turn]])


def visual(text: str) -> str:
    """The text in the order in which a paper shows it: from right to left where it runs so."""
    if not any(unicodedata.bidirectional(character) in RIGHT_TO_LEFT for character in text):
        return text
    shown = BidiParagraph(text).get_reordered_string()
    return "".join(character for character in shown if unicodedata.category(character) != "Cf")


def money(amount_minor: int, order: Order) -> str:
    """Minor units in the order's currency and language."""
    return format_money(amount_minor, order.currency, order.locale)


def rate(basis_points: int) -> str:
    """A tax rate as people write it."""
    return f"{Decimal(basis_points) / 100:g} %"
