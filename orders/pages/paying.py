"""One order's page and the buttons on it. The database says what it shows, never the address."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from orders import services
from orders.devices import device_of
from orders.forms import PayForm
from orders.models import Order
from orders.pages.browser import (
    basket_token,
    find_order,
    keep_basket,
    private,
    reading_language,
)
from orders.pages.order_page import Hints, OrderPage, gather, order_address
from orders.pages.situation import parse_asked
from orders.problems import (
    BasketChanged,
    OrderAlreadyPaid,
    OrderClosed,
    OutOfStock,
    TotalChanged,
)
from payments import services as payments
from shop import courtesy, idempotency
from shop.idempotency import Claim, KeyInFlight, Replay

#: A page form never shows "in flight": it waits this long, then shows the order as it is.
FORM_WAIT_SECONDS = 3.0
FORM_LOOK_AGAIN_SECONDS = 0.25
#: An open page may bring the next ask forward this often, however often it is reloaded.
HASTEN_EVERY_SECONDS = 5
#: The button "I have paid" asks the bank this often, however often it is pressed.
CHECK_EVERY_SECONDS = 2


@private
@require_safe
def order(request: HttpRequest, public_id: str) -> HttpResponse:
    """The order as the database knows it now. Asks no gateway and waits for nobody."""
    now = timezone.now()
    found = find_order(request, public_id)
    hasten(found, now)
    page = gather(found, _hints(request, now), now=now)
    response = render(request, "shopper/order.html", {"page": page})
    return _with_policy(response, page)


def _hints(request: HttpRequest, now: datetime) -> Hints:
    return Hints(
        asked_at=parse_asked(request.GET.get("asked", ""), now),
        method=request.GET.get("method", "")[:40],
        go="go" in request.GET,
        same_wish="same" in request.GET,
        unreachable="unreachable" in request.GET,
        facts="facts" in request.GET,
    )


def hasten(found: Order, now: datetime) -> None:
    """A stale page was opened: have the gateway asked sooner, by somebody else."""
    if found.state != Order.State.PAYING:
        return
    name = f"hasten:{found.number}"
    if courtesy.add(name, 1, seconds=HASTEN_EVERY_SECONDS) is not False:
        payments.hasten_polls(order_reference=found.number, now=now)


def _with_policy(response: HttpResponse, page: OrderPage) -> HttpResponse:
    """Name the one gateway whose form this page frames or posts to; nobody else's."""
    update = {}
    if page.shows_frame:
        update["frame-src"] = list(page.presented.frame_origins)
    if page.presented.form_origin:
        update["form-action"] = [page.presented.form_origin]
    if update:
        response._csp_update = update  # type: ignore[attr-defined]  # django-csp reads it
    return response


@private
@require_POST
def order_pay(request: HttpRequest, public_id: str) -> HttpResponse:
    """Open the chosen payment, or land on the one that is there; always on the order's page."""
    find_order(request, public_id)
    form = PayForm(request.POST)
    if not form.is_valid():
        return redirect(order_address(public_id))
    method = form.cleaned_data["method"]
    try:
        key = f"{form.cleaned_data['key']}:{method}"
        started = _start(public_id, method, key, device_of(request), form.payer)
    except (OrderAlreadyPaid, OrderClosed, payments.PaymentAlreadySettled, payments.IntentClosed):
        return redirect(order_address(public_id))
    except payments.PayerFactsMissing:
        return redirect(order_address(public_id, method=method, facts=1))
    except (payments.GatewayDown, payments.MethodNotOffered):
        return redirect(order_address(public_id, unreachable=1))
    if started is None or started.switching:
        return redirect(order_address(public_id, method=method))
    return redirect(order_address(public_id, go=1 if started.created else ""))


def _start(
    public_id: str, method: str, key: str, device: str, payer: dict[str, str]
) -> payments.Started | None:
    """Start the payment; wait a little while an earlier press or a switch is under way."""
    wanted = {"method": method, "payer": payer}
    claim = Claim(f"page pay {public_id}", key, idempotency.fingerprint(wanted))
    give_up_at = timezone.now() + timedelta(seconds=FORM_WAIT_SECONDS)
    while True:
        started = None
        try:
            started = services.pay_order(
                public_id=public_id,
                method=method,
                claim=claim,
                now=timezone.now(),
                device=device,
                payer=payer,
            )
        except Replay:
            return None
        except KeyInFlight:
            pass
        if started is not None and not started.switching:
            return started
        # A twin's answer appears in our own database; a switch asks the bank each time.
        pause = FORM_LOOK_AGAIN_SECONDS if started is None else started.retry_after_seconds or 1
        if timezone.now() + timedelta(seconds=pause) >= give_up_at:
            return started
        time.sleep(pause)


@private
@require_POST
def order_check(request: HttpRequest, public_id: str) -> HttpResponse:
    """The shopper says that they have paid: ask the bank now.

    A hasty second press is shown what the first one found: no link can be used to keep our
    workers and the bank busy.
    """
    found = find_order(request, public_id)
    name = f"check:{found.number}"
    if courtesy.add(name, 1, seconds=CHECK_EVERY_SECONDS) is not False:
        services.check_order(public_id=public_id, now=timezone.now())
    return redirect(asked_address(public_id))


@private
@require_POST
def order_cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Close the order; its page says whether money was on its way all the same."""
    find_order(request, public_id)
    with suppress(OrderAlreadyPaid):  # its page says so
        services.cancel_order(public_id=public_id, claim=None, now=timezone.now())
    return redirect(order_address(public_id))


@private
@require_POST
def order_again(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put an ended order's goods back into the basket and keep its address."""
    ended = find_order(request, public_id)
    basket = services.open_basket(basket_token(request), locale=reading_language())
    services.set_currency(basket.token, ended.currency)
    services.refill_basket(basket.token, ended)
    response = redirect(f"{reverse('shopper:checkout')}?from={ended.public_id}")
    return keep_basket(response, basket.token)


@private
@require_POST
def order_another(request: HttpRequest, public_id: str) -> HttpResponse:
    """The shopper's word: the same goods once more, though the first order is not settled."""
    first = find_order(request, public_id)
    basket = services.open_basket(basket_token(request), locale=reading_language())
    try:
        placed = services.place_basket(
            token=basket.token,
            version=basket.version,
            shopper=services.Shopper(first.email, reading_language(), first.address),
            delivery=first.delivery_code,
            shown_total_minor=first.total_minor,
            another=True,
            now=timezone.now(),
        )
    except (BasketChanged, OutOfStock, TotalChanged):
        return redirect("shopper:basket")
    return redirect(order_address(placed.order.public_id))


def asked_address(public_id: str) -> str:
    """The order's page for somebody who has just asked, or come back from the bank."""
    return order_address(public_id, asked=int(timezone.now().timestamp()))
