"""Back from the bank's own page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from orders.pages.browser import find_order, private
from orders.pages.paying import asked_address, hasten


@private
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def order_back(request: HttpRequest, public_id: str) -> HttpResponse:
    """Back from the bank's page: nothing in the address counts, the bank is asked instead.

    Some banks send the browser back by a form of their own, which cannot know our token: nothing
    in it counts either.
    """
    found = find_order(request, public_id)
    hasten(found, timezone.now())
    return redirect(asked_address(public_id))
