"""The request id: one for every request, in every log line and on every error page."""

import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

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
