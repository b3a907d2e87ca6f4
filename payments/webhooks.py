"""The gateways' webhooks: HTTP only. 401 not genuine, 400 malformed or stale, 200 stored."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments import inbox, registry
from payments.gateways.base import NotificationRefused, RawRequest
from shop.problems import NotFound, Problem


class WebhookRefused(Problem):
    """Not genuine, not well formed, or stale; no reason is given to the sender."""

    slug = "webhook-refused"
    title = "This notification is not accepted."


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, gateway: str) -> HttpResponse:
    """Store one delivery; a repeat is acknowledged like the first."""
    if gateway not in registry.configured():
        raise NotFound
    try:
        inbox.receive(gateway, _raw(request), now=timezone.now())
    except NotificationRefused as refusal:
        problem = WebhookRefused()
        problem.status = refusal.status
        raise problem from refusal
    return HttpResponse("ok", content_type="text/plain")


def _raw(request: HttpRequest) -> RawRequest:
    return RawRequest(
        method=request.method or "",
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )
