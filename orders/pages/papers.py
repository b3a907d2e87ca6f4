"""Invoice and credit notes of one order, drawn when asked for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from orders.credit_notes import credit_note_pdf
from orders.invoices import invoice_pdf
from orders.pages.browser import find_order, private


@private
@require_safe
def invoice(request: HttpRequest, public_id: str) -> HttpResponse:
    """The invoice as a PDF; absent until the order is paid."""
    find_order(request, public_id)
    return _pdf(*invoice_pdf(public_id))


@private
@require_safe
def credit_note(request: HttpRequest, public_id: str, label: str) -> HttpResponse:
    """One credit note as a PDF; absent until its refund is done."""
    find_order(request, public_id)
    return _pdf(*credit_note_pdf(public_id, label))


def _pdf(name: str, content: bytes) -> HttpResponse:
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{name}"'
    return response
