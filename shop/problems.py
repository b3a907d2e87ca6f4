"""Errors in plain words: problem+json (RFC 9457) at the API, a page for people.

A domain error subclasses `Problem` beside the function that raises it and is named by what
the caller can do next. This module turns it into an answer at the edge.
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions as drf
from rest_framework.response import Response

TYPE_PREFIX = "urn:payonce:problem:"


class Problem(Exception):
    """A refusal the caller can act on. `extra` members go into the problem document."""

    status = 400
    slug = "invalid"
    title = "This request cannot be carried out."

    def __init__(
        self, detail: str = "", *, retry_after_seconds: int | None = None, **extra: Any
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.retry_after_seconds = retry_after_seconds
        self.extra = extra


class NotFound(Problem):
    """Nothing is there, or not for you: both look the same."""

    status = 404
    slug = "not-found"
    title = "There is nothing at this address."


class Busy(Problem):
    """The database cannot serve this now; nothing was changed."""

    status = 503
    slug = "busy"
    title = "The shop is busy. Nothing was changed; try again in a moment."


def document(problem: Problem) -> dict[str, Any]:
    """The problem as RFC 9457 spells it."""
    return {
        "type": TYPE_PREFIX + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        **problem.extra,
    }


def problem_response(problem: Problem) -> HttpResponse:
    """An application/problem+json answer."""
    response = JsonResponse(
        document(problem), status=problem.status, content_type="application/problem+json"
    )
    return _dressed(response, problem)


def page_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The same refusal as a page for a person."""
    name = str(problem.status) if problem.status in (400, 403, 404, 429, 500) else "problem"
    # In trouble of our own the page asks the database nothing: it has no basket in its head.
    reader = request if problem.status < 500 else None
    response = render(reader, f"{name}.html", {"problem": problem}, status=problem.status)
    return _dressed(response, problem)


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A document for programs, a page for people."""
    refused(problem, request)
    if request.path.startswith(("/api/", "/webhooks/")):
        return problem_response(problem)
    return page_response(request, problem)


def _dressed(response: HttpResponse, problem: Problem) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    if problem.retry_after_seconds is not None:
        response["Retry-After"] = str(problem.retry_after_seconds)
    return response


def refused(problem: Problem, request: HttpRequest) -> None:
    """Name the refusal for the log line that `shop.middleware.Refusals` writes."""
    request.refused_as = problem.slug  # type: ignore[attr-defined]


def drf_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's exception handler: every error becomes a problem document."""
    problem = as_problem(error)
    if problem is None:
        return None
    refused(problem, context["request"]._request)
    response = Response(
        document(problem), status=problem.status, content_type="application/problem+json"
    )
    _dressed(response, problem)
    if isinstance(error, drf.APIException) and getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    return response


SLUGS = {
    400: "invalid",
    401: "not-authenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    415: "unsupported-media-type",
    429: "too-many-requests",
}


def as_problem(error: Exception) -> Problem | None:
    """The problem that an exception stands for, or None: then it is our own failure."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, PermissionDenied):
        return _problem(403, "You may not do this.")
    if isinstance(error, OperationalError | InterfaceError):
        return Busy(retry_after_seconds=2)
    if isinstance(error, drf.NotFound):
        return NotFound()
    if isinstance(error, drf.ValidationError):
        return _problem(400, "Some fields are not valid.", errors=error.detail)
    if isinstance(error, drf.APIException):
        wait = getattr(error, "wait", None)
        problem = _problem(error.status_code, str(error.detail))
        problem.retry_after_seconds = None if wait is None else int(wait) + 1
        return problem
    return None


def _problem(status: int, detail: str, **extra: Any) -> Problem:
    problem = Problem(detail, **extra)
    problem.status = status
    problem.slug = SLUGS.get(status, "invalid")
    problem.title = detail if status != 400 else "This request is not valid."
    return problem


class ProblemPages:
    """Middleware: a `Problem` raised by a view becomes a page, or a document for webhooks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        problem = as_problem(error)
        if isinstance(error, DataError) and request.method in ("GET", "HEAD"):
            # The address alone brought it: an expression or a number no column can take.
            problem = _problem(400, "This request is not valid.")
        if problem is None or isinstance(error, Http404 | PermissionDenied):
            return None
        return answer(request, problem)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's own refusals: a foreign host, too many fields, too large a body."""
    return answer(request, _problem(400, "This request is not valid."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Not with these rights."""
    return answer(request, _problem(403, "You may not do this."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No such address."""
    return answer(request, NotFound())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from our own page: nothing was changed."""
    problem = _problem(403, "This form has expired or did not come from our page.")
    problem.slug = "csrf"
    refused(problem, request)
    if request.path.startswith("/api/"):
        return problem_response(problem)
    return _dressed(render(request, "403_csrf.html", status=403), problem)
