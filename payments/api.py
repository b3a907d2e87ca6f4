"""The staff API: refunds and "ask the gateway now". Parse, one service call, render."""

from typing import Any

from django.db import DatabaseError
from django.utils import timezone
from django.utils.cache import patch_cache_control
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments import services as payments
from payments.references import FORM, check_form
from shop import idempotency
from shop.confirmed import ConfirmPassword, is_confirmed
from shop.idempotency import Claim, Replay
from shop.logs import get_logger
from shop.openapi import KEY, problems
from shop.problems import Busy
from shop.record import note_act
from shop.strict_fields import StrictInteger, StrictText

log = get_logger(__name__)

PAYMENT = OpenApiParameter(
    "reference", {"type": "string", "pattern": f"^{FORM.pattern}$"}, OpenApiParameter.PATH
)


@extend_schema_serializer(component_name="Refund")
class RefundRequest(serializers.Serializer[dict[str, Any]]):
    """What a refund asks for. Amounts in minor units."""

    amount_minor = StrictInteger(min_value=1, max_value=10**12)
    refunded_so_far_minor = StrictInteger(min_value=0, max_value=10**12)
    reason = StrictText(max_length=200)


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


class HasRight(BasePermission):
    """Staff with one right; taken away, it is gone with the next request."""

    right = ""

    def has_permission(self, request: Request, view: APIView) -> bool:
        # Nobody signed in means no user at all: the shopper's API has none.
        person: Any = request.user
        return bool(person and person.is_staff and person.has_perm(self.right))


class MayRefund(HasRight):
    """Staff who may send money back."""

    right = "payments.refund_payment"


class MayView(HasRight):
    """Staff who may look at payments."""

    right = "payments.view_payment"


class StaffView(APIView):
    """Staff, by token or by session with CSRF. Nothing is stored on the way."""

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [MayView]

    def check_permissions(self, request: Request) -> None:
        try:
            super().check_permissions(request)
        except (APIException, DatabaseError):
            raise
        except Exception as error:
            # A check that breaks allows nothing.
            log.exception("payments.staff.check_failed")
            raise Busy from error

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(answer, no_store=True, private=True)
        return answer


class Refunds(StaffView):
    """Send captured money back."""

    permission_classes = [MayRefund]

    def check_permissions(self, request: Request) -> None:
        """The right, and of a session also the password: a browser may stand open."""
        super().check_permissions(request)
        by_session = isinstance(request.successful_authenticator, SessionAuthentication)
        if by_session and not is_confirmed(request.session, now=timezone.now()):
            raise ConfirmPassword

    @extend_schema(
        operation_id="refund_payment",
        parameters=[PAYMENT, KEY],
        request=RefundRequest,
        responses={201: RefundAnswer, **problems(401, 403, 404, 409, 415, 422)},
    )
    def post(self, request: Request, reference: str) -> Response:
        """Send money back once; `refunded_so_far_minor` is what its sender saw."""
        check_form(reference)
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

    @extend_schema(
        operation_id="refresh_payment",
        parameters=[PAYMENT, KEY],
        request=None,
        responses={200: PaymentAnswer, **problems(401, 403, 404, 415)},
    )
    def post(self, request: Request, reference: str) -> Response:
        """Ask the gateway now; what it says goes the way of every other answer."""
        check_form(reference)
        # Asking twice moves nothing twice: the key is demanded but need not be kept.
        idempotency.key_of(request)
        _ = request.data  # there are no fields, but a foreign content type is refused here too
        person: Any = request.user
        now = timezone.now()
        payment = payments.refresh_payment(
            reference=reference, now=now, source="staff", actor=person.get_username()
        )
        note_act(
            person, "asked the gateway", reference, payment.order_reference, now=now, by="the API"
        )
        return Response(payment.as_api())
