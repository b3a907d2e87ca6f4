"""The shop's addresses, and one at which an outcome comes in, as a worker would bring it."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from bench.rows import AMOUNT_MINOR, CURRENCY
from payments.gateways import base
from payments.outcomes import Kind, Outcome
from payments.recording import record_outcome
from shop.urls import urlpatterns as shop_patterns


@csrf_exempt
def outcome(request: HttpRequest, reference: str) -> HttpResponse:
    """The gateway was asked and says "captured": `record_outcome` and nothing else."""
    now = timezone.now()
    capture = base.Capture(f"T{reference}", AMOUNT_MINOR, CURRENCY, now)
    snapshot = base.Snapshot(base.State.CAPTURED, reference=reference, captures=[capture])
    captured = Outcome(Kind.CAPTURED, 1, snapshot, operation="query")
    payment = record_outcome(reference=reference, outcome=captured, source="poll", now=now)
    return HttpResponse(payment.state, content_type="text/plain")


urlpatterns = [*shop_patterns, path("bench/outcomes/<str:reference>/", outcome)]
