"""Before any view: the request id, the log of refusals, and input that no door can use."""

import re
import uuid
from collections.abc import Callable
from functools import cache

import structlog
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from shop.logs import get_logger

log = get_logger("security")

#: In characters; a browser with all our cookies sends a tenth of it.
HEADERS_MAX = 16 * 1024
SAFE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestId:
    """Take a well-formed X-Request-ID or make one; bind it to the logs, send it back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        offered = request.headers.get("X-Request-ID", "")
        request_id = offered if SAFE_ID.fullmatch(offered) else uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class Refusals:
    """One security log line for each refusal: what and where, never a body or a secret.

    The route is logged, not the path: an order's path is the key to it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if 400 <= response.status_code < 500 or response.status_code == 503:
            log.warning(
                "request.refused",
                status=response.status_code,
                problem=getattr(request, "refused_as", ""),
                method=request.method,
                route=_route(request),
            )
        return response


def _route(request: HttpRequest) -> str:
    try:
        return (request.resolver_match or resolve(request.path_info)).route
    except Resolver404:
        return ""


class StandingPolicy(CSPMiddleware):
    """The content security policy, spelled once for all answers that ask for nothing special."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        special = settings.DEBUG or HEADER in response or hasattr(request, "_csp_nonce")
        if special or any(name.startswith("_csp") for name in vars(response)):
            return super().process_response(request, response)
        response[HEADER] = standing_policy()
        return response


@cache
def standing_policy() -> str:
    """What the settings say, as the header spells it."""
    return build_policy()


class UsableInput:
    """Refuse what would only fail further in: too large a body, a NUL in the query.

    A cookie with a NUL is none of ours and does not count. PostgreSQL stores no NUL.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Uploaded files would not count against Django's own limit, and we take none.
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        if sum(len(v) for name, v in request.META.items() if name[:5] == "HTTP_") > HEADERS_MAX:
            raise BadRequest("The headers are larger than any browser's.")
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address contains a NUL character.")
        for name in [name for name, value in request.COOKIES.items() if "\0" in value]:
            del request.COOKIES[name]
        return self.get_response(request)
