"""The floor: what the limit's SQL costs through Django's ORM and HTTP, with no shop around it.

No guard, no key, no history beyond the one row that the limit writes too, no check of who asks.
"""

import json
from typing import Any

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone

from bench.rows import AMOUNT_MINOR, CURRENCY, LIFETIME
from orders.models import Order, OrderLine, Product
from payments.models import Notification, Payment, PaymentIntent
from payments.references import new_reference
from shop.models import StateChange


def place_order(request: HttpRequest) -> HttpResponse:
    """Reserve one piece, write the order and its line."""
    told, now = json.loads(request.body), timezone.now()
    with transaction.atomic():
        product = Product.objects.filter(pk=told["product"], stock_free__gte=1)
        product.update(stock_free=F("stock_free") - 1, stock_reserved=F("stock_reserved") + 1)
        order = Order.objects.create(
            email=told["email"],
            currency=CURRENCY,
            total_minor=AMOUNT_MINOR,
            tax_minor=0,
            placed_at=now,
            expires_at=now + LIFETIME,
            next_close_at=now + LIFETIME,
        )
        OrderLine.objects.create(
            order=order,
            product_id=told["product"],
            sku=told["sku"],
            title="Bench",
            quantity=1,
            unit_price_minor=AMOUNT_MINOR,
            tax_basis_points=0,
            tax_minor=0,
            total_minor=AMOUNT_MINOR,
        )
    return JsonResponse({"public_id": order.public_id, "number": order.number}, status=201)


def start_payment(request: HttpRequest, public_id: str) -> HttpResponse:
    """The payment before the gateway is asked, and its answer after."""
    told, now = json.loads(request.body), timezone.now()
    with transaction.atomic():
        order = Order.objects.select_for_update().get(public_id=public_id)
        intent = PaymentIntent.objects.create(
            order_reference=order.number,
            amount_minor=order.total_minor,
            currency=order.currency,
            created_at=now,
        )
        payment = Payment.objects.create(
            reference=new_reference(now),
            intent=intent,
            gateway="sandbox",
            method=told["method"],
            amount_minor=order.total_minor,
            currency=order.currency,
            role="live",
            created_at=now,
            expires_at=now + LIFETIME,
        )
        Order.objects.filter(pk=order.pk).update(state="paying", paying_since=now)
    shown: dict[str, Any] = {"kind": "qr", "payload": "bench"}
    Payment.objects.filter(pk=payment.pk).update(
        state="open", gateway_order_id=f"G{payment.reference}", presentation=shown
    )
    return JsonResponse({"reference": payment.reference, "presentation": shown}, status=201)


def notification(request: HttpRequest) -> HttpResponse:
    """Store it once."""
    told, now = json.loads(request.body), timezone.now()
    row = Notification(
        gateway="sandbox",
        notification_id=told["id"],
        kind=told["type"],
        reference=told["reference"],
        body=request.body,
        received_at=now,
        next_try_at=now,
    )
    Notification.objects.bulk_create([row], ignore_conflicts=True)
    return HttpResponse("ok", content_type="text/plain")


def outcome(request: HttpRequest, reference: str) -> HttpResponse:
    """The money came: payment, order, stock and one row of history."""
    now = timezone.now()
    with transaction.atomic():
        found = Payment.objects.select_for_update().select_related("intent")
        payment = found.get(reference=reference)
        number = payment.intent.order_reference
        Payment.objects.filter(pk=payment.pk).update(
            state="captured",
            role="settling",
            gateway_transaction_id=f"T{reference}",
            captured_minor=payment.amount_minor,
            captured_currency=payment.currency,
            captured_at=now,
            next_poll_at=None,
        )
        Order.objects.filter(number=number).update(state="paid", paid_at=now, next_close_at=None)
        lines = OrderLine.objects.filter(order__number=number)
        Product.objects.filter(pk__in=lines.values("product")).update(
            stock_reserved=F("stock_reserved") - 1, stock_sold=F("stock_sold") + 1
        )
        StateChange.objects.create(
            subject="payment",
            subject_reference=reference,
            order_reference=number,
            from_state="open",
            to_state="captured",
            source="poll",
            at=now,
        )
    return HttpResponse("captured", content_type="text/plain")


def status(request: HttpRequest, public_id: str) -> HttpResponse:
    """304 while nothing is new."""
    order = Order.objects.only("state", "version").get(public_id=public_id)
    etag = f'"{order.version}-{order.state}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag})
    return JsonResponse({"state": order.state}, headers={"ETag": etag})


def ready(request: HttpRequest) -> HttpResponse:
    """It listens."""
    return HttpResponse("ok")


urlpatterns = [
    path("api/v1/orders/", place_order),
    path("api/v1/orders/<str:public_id>/payments/", start_payment),
    path("api/v1/orders/<str:public_id>/status/", status),
    path("webhooks/sandbox/", notification),
    path("bench/outcomes/<str:reference>/", outcome),
    path("readyz", ready),
]
