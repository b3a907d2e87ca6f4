"""Catalogue, basket and details: what is bought, and where it goes."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from orders import services
from orders.forms import AddForm, CheckoutForm, LineForm
from orders.models import Basket
from orders.pages.browser import (
    basket_token,
    find_order,
    keep_basket,
    private,
    reading_language,
)
from orders.pages.order_page import order_address
from orders.problems import BasketChanged, OutOfStock, TotalChanged, UnknownProduct
from orders.services import BasketView, Placed, Shopper
from shop.money import format_money


@private
@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """Everything on sale, in the browser's currency."""
    token = basket_token(request)
    basket = Basket.objects.filter(token=token).only("currency").first() if token else None
    currency = basket.currency if basket else settings.DEFAULT_CURRENCY
    goods = services.products_on_sale(currency)
    shown = {"goods": goods, "currency": currency, "currencies": settings.CURRENCIES}
    return render(request, "shopper/catalogue.html", shown)


@private
@require_POST
def currency(request: HttpRequest) -> HttpResponse:
    """Show prices in another currency from now on."""
    with transaction.atomic():  # a refusal leaves no empty basket behind
        basket = services.open_basket(basket_token(request), locale=reading_language())
        services.set_currency(basket.token, request.POST.get("currency", ""))
    return keep_basket(redirect(_came_from(request)), basket.token)


@private
@require_POST
def basket_add(request: HttpRequest) -> HttpResponse:
    """Put one piece into the basket."""
    form = AddForm(request.POST)
    if not form.is_valid():
        raise UnknownProduct
    with transaction.atomic():  # a refusal leaves no empty basket behind
        basket = services.open_basket(basket_token(request), locale=reading_language())
        services.add_to_basket(basket.token, form.cleaned_data["sku"], 1)
    return keep_basket(redirect("shopper:basket"), basket.token)


@private
@require_POST
def basket_update(request: HttpRequest) -> HttpResponse:
    """Have exactly so many pieces of one good."""
    form = LineForm(request.POST)
    token = basket_token(request)
    if not form.is_valid():
        return _basket(request, _("Enter a quantity from 0 to 99, in figures."), status=400)
    if token:
        services.set_quantity(token, form.cleaned_data["sku"], form.pieces)
    return redirect("shopper:basket")


@private
@require_safe
def basket(request: HttpRequest) -> HttpResponse:
    """The basket with its total, tax and delivery before any form."""
    changed = "changed" in request.GET
    return _basket(request, _("Your basket has changed. Please check it.") if changed else "")


def _basket(request: HttpRequest, problem: str, *, status: int = 200) -> HttpResponse:
    view = _view_basket(request)
    shown = {
        "basket": view,
        "problem": problem or _shortage(view),
        "currencies": settings.CURRENCIES,
    }
    return render(request, "shopper/basket.html", shown, status=status)


def _view_basket(request: HttpRequest, delivery: str = "") -> BasketView:
    """Priced with the chosen delivery, else with the first one offered."""
    token, language = basket_token(request), reading_language()
    offered = services.deliveries(token, locale=language)
    codes = [option.code for option in offered]
    chosen = delivery if delivery in codes else next(iter(codes), "")
    return services.view_basket(token, delivery=chosen, locale=language)


def _shortage(view: BasketView) -> str:
    titles = {line.sku: line.title for line in view.quote.lines}
    for sku, left in view.short.items():
        if not left:
            return _("%(title)s is sold out. Please remove it.") % {"title": titles[sku]}
        words = {"title": titles[sku], "left": left}
        return _("Only %(left)s left of %(title)s. Please change the quantity.") % words
    return _("Something in your basket is no longer sold; it was left out.") if view.gone else ""


@private
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Who orders and where it goes; a valid form places the order, once."""
    view = _view_basket(request, request.POST.get("delivery", ""))
    form = _checkout_form(request, view)
    if request.method == "POST" and form.is_valid():
        return _place(request, form, view)
    if not view.can_be_ordered and request.method != "POST":
        return redirect("shopper:basket")
    return _checkout(request, form, view, status=400 if form.is_bound else 200)


def _checkout_form(request: HttpRequest, view: BasketView) -> CheckoutForm:
    token, language = basket_token(request), reading_language()
    options = services.deliveries(token, locale=language)
    first = options[0].code if options else ""
    return CheckoutForm(
        request.POST if request.method == "POST" else None,
        deliveries=options,
        language=language,
        initial={"version": view.version, "delivery": first, **_known_address(request)},
    )


def _place(request: HttpRequest, form: CheckoutForm, view: BasketView) -> HttpResponse:
    try:
        placed = services.place_basket(
            token=basket_token(request) or "",
            version=form.cleaned_data["version"],
            shopper=Shopper(form.cleaned_data["email"], reading_language(), form.address),
            delivery=form.cleaned_data["delivery"],
            shown_total_minor=form.shown_total_minor,
            another=False,
            now=timezone.now(),
        )
    except TotalChanged as problem:
        total = format_money(problem.extra["total_minor"], view.currency, reading_language())
        form.add_error(None, _("A price changed: the total is now %s. Please confirm it.") % total)
        return _checkout(request, form, view, status=409)
    except (BasketChanged, OutOfStock):
        return redirect(_changed_basket())
    return _to_order(placed)


def _checkout(
    request: HttpRequest, form: CheckoutForm, view: BasketView, *, status: int
) -> HttpResponse:
    options = services.deliveries(basket_token(request), locale=reading_language())
    totals = [(option, view.quote.goods_minor + option.amount_minor) for option in options]
    shown = {"form": form, "basket": view, "deliveries": totals}
    return render(request, "shopper/checkout.html", shown, status=status)


def _to_order(placed: Placed) -> HttpResponse:
    hints = {"same": 1} if placed.same_wish else {}
    return redirect(order_address(placed.order.public_id, **hints))


def _changed_basket() -> str:
    return reverse("shopper:basket") + "?changed=1"


def _came_from(request: HttpRequest) -> str:
    """One of our own two pages with prices; nothing that the browser sends becomes an address."""
    return reverse("shopper:basket" if "basket" in request.POST else "shopper:catalogue")


def _known_address(request: HttpRequest) -> dict[str, str]:
    """The details of an order that the shopper tries again: nobody types them twice."""
    public_id = request.GET.get("from", "")
    if not public_id:
        return {}
    order = find_order(request, public_id)
    return {**order.address, "email": order.email}
