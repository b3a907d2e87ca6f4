"""The staff API: refunds and "ask the gateway now". Parse, one service call, render."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments import services as payments
from shop import idempotency
from shop.idempotency import Claim, Replay

KEY_HEADER = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="16 to 128 ASCII."
)


class StrictInteger(serializers.IntegerField):
    """An integer and nothing that could be read as one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class RefundRequest(serializers.Serializer[dict[str, Any]]):
    """What a refund asks for. Amounts in minor units."""

    amount_minor = StrictInteger(min_value=1, max_value=10**12)
    refunded_so_far_minor = StrictInteger(min_value=0, max_value=10**12)
    reason = serializers.CharField(max_length=200)


class RefundAnswer(serializers.Serializer[dict[str, Any]]):
    """A refund as the API shows it."""

    reference = serializers.CharField()
    payment = serializers.CharField()
    state = serializers.CharField()
    amount_minor = serializers.IntegerField()


class PaymentAnswer(serializers.Serializer[dict[str, Any]]):
    """A payment as the API shows it."""

    reference = serializers.CharField()
    gateway = serializers.CharField()
    method = serializers.CharField()
    state = serializers.CharField()
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    refunded_minor = serializers.IntegerField()
    settles = serializers.BooleanField()
    presentation = serializers.DictField(allow_null=True)


class MayRefund(BasePermission):
    """Staff with the right to refund; a right taken away is gone with the next request."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.is_staff and request.user.has_perm("payments.refund_payment")


class MayView(BasePermission):
    """Staff who may look at payments."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.is_staff and request.user.has_perm("payments.view_payment")


class StaffView(APIView):
    """Staff, by token or by session with CSRF."""

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [MayView]


class Refunds(StaffView):
    """Send captured money back."""

    permission_classes = [MayRefund]

    @extend_schema(parameters=[KEY_HEADER], request=RefundRequest, responses={201: RefundAnswer})
    def post(self, request: Request, reference: str) -> Response:
        key = idempotency.key_of(request)
        asked = RefundRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        scope = f"POST {request.path} {request.user.pk}"
        try:
            refund = payments.refund_payment(
                payment_reference=reference,
                actor=request.user.get_username(),
                claim=Claim(scope, key, idempotency.fingerprint(asked.validated_data)),
                now=timezone.now(),
                **asked.validated_data,
            )
        except Replay as first:
            return Response(first.body, status=first.status)
        return Response(refund.as_api(), status=201)


class Refresh(StaffView):
    """Ask the gateway about one payment now."""

    @extend_schema(parameters=[KEY_HEADER], request=None, responses={200: PaymentAnswer})
    def post(self, request: Request, reference: str) -> Response:
        # Asking twice moves nothing twice: the key is demanded but need not be kept.
        idempotency.key_of(request)
        payment = payments.refresh_payment(reference=reference, now=timezone.now())
        return Response(payment.as_api())
