"""The gateways' webhooks: HTTP only. 401 not genuine, 400 malformed or stale, 200 stored."""

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments import health, inbox, registry
from payments.gateways.base import NotificationRefused, RawRequest
from shop.logs import get_logger
from shop.problems import NotFound, Problem

log = get_logger(__name__)


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
        health.count_refusal(gateway, refusal.why, now=timezone.now())
        raise _refused(refusal.status) from refusal
    except (Problem, DatabaseError):
        raise
    except Exception as error:
        # A check that breaks accepts nothing: the gateway sends it again later.
        log.exception("payments.webhook.check_failed", gateway=gateway)
        raise _refused(503) from error
    heard = registry.gateway(gateway).acknowledgement
    return HttpResponse(heard.body, status=heard.status, content_type=heard.content_type or None)


def _refused(status: int) -> WebhookRefused:
    problem = WebhookRefused()
    problem.status = status
    return problem


def _raw(request: HttpRequest) -> RawRequest:
    return RawRequest(
        method=request.method or "",
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )
