"""The staff's search: an exact hit goes straight to its order, several are listed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from orders.models import Order
from shop.desk.finding import Hit, exact_hits, listed_orders
from shop.desk.pages import desk_page, desk_response
from shop.desk.paging import newest_first, start_of


@desk_page("payments.view_payment")
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """`?q=` any number, reference, id, key, address or amount; without, the newest orders."""
    text = request.GET.get("q", "").strip()
    hits = exact_hits(text)
    if len(hits) == 1:
        return HttpResponseRedirect(address_of(hits[0]))
    orders = listed_orders(text, start_of(request)) if text else Order.objects.all()
    page = None if orders is None else newest_first(request, orders)
    if text and page and not hits and len(page.rows) == 1 and not page.newest:
        return HttpResponseRedirect(address_of(Hit(page.rows[0].number, "")))
    return desk_response(request, "search", "Search", q=text, hits=hits, page=page)


def address_of(hit: Hit) -> str:
    """The order's page, at the thing that was found."""
    address = reverse("desk:order", args=[hit.number])
    return f"{address}#{hit.anchor}" if hit.anchor else address
