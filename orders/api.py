"""The shopper's API: parse, one service call, render. The public id is the capability."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders import lookups, pricing, services, status
from orders import serializers as shapes
from orders.devices import device_of
from orders.pricing import Wish
from orders.problems import OrderNotFound
from shop.idempotency import Claim, Replay, fingerprint, key_of
from shop.openapi import KEY, problems
from shop.strict_fields import StrictBody

ORDER = OpenApiParameter(
    "public_id",
    {"type": "string", "pattern": f"^{lookups.PUBLIC_ID_FORM.pattern}$"},
    OpenApiParameter.PATH,
    description="The order's address; who knows it may act on the order.",
)
CURRENCY = OpenApiParameter(
    "currency",
    {"type": "string", "enum": list(settings.CURRENCIES), "default": settings.DEFAULT_CURRENCY},
    description="ISO 4217",
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, required=True, response=[200, 304],
    description="Changes with the state.",
)  # fmt: skip


class ShopperView(APIView):
    """No session, no cookie, nothing stored on the way; errors are problem documents."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "public_id" in kwargs:
            with self.lookup():
                lookups.well_formed(kwargs["public_id"])

    def lookup(self) -> Any:
        """Wraps every use of a public id: wrong ones are counted."""
        return lookups.counting_misses(self.request.META.get("REMOTE_ADDR", ""))

    def body(self, shape: type[StrictBody]) -> dict[str, Any]:
        """The request's fields, checked. Raises ValidationError or UnsupportedMediaType."""
        asked = shape(data=self.request.data)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)

    def claim(self, request: Request) -> Claim:
        """The caller's key for this operation and path, answered from the cache if known."""
        body = request.data if isinstance(request.data, dict) else {}
        claim = Claim(f"POST {request.path}", key_of(request), fingerprint(body))
        claim.recall()
        return claim

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Replay):
            kind = "application/problem+json" if exc.status >= 400 else None
            return Response(exc.body, status=exc.status, content_type=kind)
        answer: Response = super().handle_exception(exc)
        return answer

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(answer, no_store=True, private=True)
        return answer


class Products(ShopperView):
    """The catalogue."""

    @extend_schema(
        operation_id="list_products",
        parameters=[CURRENCY],
        responses={200: shapes.ProductSerializer(many=True), **problems()},
    )
    def get(self, request: Request) -> Response:
        """Everything on sale in one currency."""
        currency = request.query_params.get("currency", settings.DEFAULT_CURRENCY)
        products = services.products_on_sale(pricing.check_currency(currency))
        locale = getattr(request, "LANGUAGE_CODE", "en")
        return Response(
            [
                {
                    "sku": product.sku,
                    "title": product.title_in(locale),
                    "price_minor": product.price_minor,
                    "currency": currency,
                    "available": product.stock_free,
                }
                for product in products
            ]
        )


class Orders(ShopperView):
    """Placing orders."""

    @extend_schema(
        operation_id="place_order",
        parameters=[KEY],
        request=shapes.OrderRequestSerializer,
        responses={201: shapes.OrderSerializer, **problems(409, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        """Place an order; its lines and total are frozen."""
        claim = self.claim(request)
        asked = self.body(shapes.OrderRequestSerializer)
        shopper = services.Shopper(asked["email"], asked["locale"], asked.get("address", {}))
        order = services.place_order(
            shopper=shopper,
            wishes=[Wish(**line) for line in asked["lines"]],
            currency=asked["currency"],
            delivery=asked["delivery"],
            claim=claim,
            now=timezone.now(),
        )
        return Response(services.as_api(order, payments_made=[]), status=201)


class OrderDetail(ShopperView):
    """One order."""

    @extend_schema(
        operation_id="read_order",
        parameters=[ORDER],
        responses={200: shapes.OrderSerializer, **problems(404, 429)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """The order with its payments."""
        with self.lookup():
            return Response(services.show_order(public_id))


class OrderStatus(ShopperView):
    """What a page polls."""

    @extend_schema(
        operation_id="read_order_status",
        parameters=[ORDER, OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER), ETAG],
        responses={200: shapes.StatusSerializer, 304: None, **problems(404, 429)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """The state with a strong ETag; 304 when unchanged."""
        with self.lookup():
            found = status.read(public_id)
        known = parse_etags(request.headers.get("If-None-Match", ""))
        headers = {"ETag": found.etag}
        if found.etag in known or "*" in known:
            return Response(status=304, headers=headers)
        return Response(found.body, headers=headers)


class OrderPayments(ShopperView):
    """Paying."""

    @extend_schema(
        operation_id="pay_order",
        parameters=[ORDER, KEY],
        request=shapes.PaymentRequestSerializer,
        responses={
            200: shapes.PaymentSerializer,
            201: shapes.PaymentSerializer,
            202: shapes.PaymentSerializer,
            **problems(404, 409, 415, 422, 429),
        },
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Open a payment (201), get the live one (200), or wait for a switch (202)."""
        claim = self.claim(request)
        wish = self.body(shapes.PaymentRequestSerializer)
        with self.lookup():
            started = services.pay_order(
                public_id=public_id,
                method=wish["method"],
                claim=claim,
                now=timezone.now(),
                device=device_of(request),
                payer=wish.get("payer"),
            )
        wait = started.retry_after_seconds
        headers = {} if wait is None else {"Retry-After": str(wait)}
        return Response(started.payment.as_api(), status=started.status, headers=headers)


class OrderCancel(ShopperView):
    """Cancelling."""

    @extend_schema(
        operation_id="cancel_order",
        parameters=[ORDER, KEY],
        request=shapes.EmptyRequestSerializer,
        responses={
            200: shapes.CancelledSerializer,
            202: shapes.CancelledSerializer,
            **problems(404, 409, 415, 422, 429),
        },
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Cancelled (200), still paying while something may arrive (202), or paid (409)."""
        claim = self.claim(request)
        self.body(shapes.EmptyRequestSerializer)
        with self.lookup():
            order = services.cancel_order(public_id=public_id, claim=claim, now=timezone.now())
        code, body = services.as_answer(order)
        return Response(body, status=code)


class Nothing(ShopperView):
    """Every malformed address below orders/ looks like an absent order."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str) -> Response:
        """404."""
        with self.lookup():
            raise OrderNotFound

    post = put = patch = delete = get
