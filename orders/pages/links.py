"""A shopper lost the link to an order: it goes to the order's mail address and nowhere else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from orders import links
from orders.forms import LinkForm
from orders.pages.browser import private


@private
@require_http_methods(["GET", "HEAD", "POST"])
def send_link(request: HttpRequest) -> HttpResponse:
    """Ask which order; the answer is the same whether there is one. Raises TooManyWishes."""
    form = LinkForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        links.want_link(
            number=form.cleaned_data["number"],
            email=form.cleaned_data["email"],
            asker=request.META.get("REMOTE_ADDR", ""),
            now=timezone.now(),
        )
        return redirect(reverse("shopper:send-link") + "?asked=1")
    shown = {"form": form, "asked": "asked" in request.GET}
    return render(request, "shopper/send_link.html", shown, status=400 if form.is_bound else 200)
