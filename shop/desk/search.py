"""The staff's search: an exact hit goes straight to its order, several are listed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from orders.models import Order
from shop.desk.doors import member
from shop.desk.finding import Hit, exact_hits, listed_orders, strays
from shop.desk.pages import desk_page, desk_response
from shop.desk.paging import Page, newest_first, start_of


@desk_page("payments.view_payment")
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """`?q=` any number, reference, id, key, address or amount; without, the newest orders."""
    text = request.GET.get("q", "").strip()
    hits = exact_hits(text)
    orders = listed_orders(text, start_of(request)) if text else Order.objects.all()
    page = None if orders is None else newest_first(request, orders)
    # A bare number may be an invoice's or an amount: then both are shown.
    only = _only(request, hits, page)
    if text and only is not None:
        return HttpResponseRedirect(only.address)
    if text and not hits and not (page and page.rows) and _may_see_strays(request):
        lost = strays(text)
        if len(lost) == 1:
            return HttpResponseRedirect(lost[0].address)
        return desk_response(request, "search", "Search", q=text, hits=lost, page=page)
    return desk_response(request, "search", "Search", q=text, hits=hits, page=page)


def _only(request: HttpRequest, hits: list[Hit], page: Page[Order] | None) -> Hit | None:
    """The one thing that was found, if it is one."""
    found = {hit.number: hit for hit in hits}
    for order in page.rows if page else ():
        found.setdefault(order.number, Hit(order.number, ""))
    return next(iter(found.values())) if len(found) == 1 and start_of(request) is None else None


def _may_see_strays(request: HttpRequest) -> bool:
    return member(request).has_perm("payments.view_notification")
