"""For operators: is the process alive, can it serve, and what are its figures?"""

import hmac
from functools import cache

from django.conf import settings
from django.core.cache import cache as redis
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shop import courtesy, figures, problems


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and is migrated; Redis is reported, not required."""
    database = _database_ready()
    body = {"database": database, "redis": _redis_answers()}
    return JsonResponse(body, status=200 if database else 503)


def _database_ready() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return _migrated()
    except OperationalError:
        return False


@cache
def _migrated() -> bool:
    """Asked until the answer is yes: a process does not outlive its schema's version."""
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        raise OperationalError(f"{len(pending)} migrations are missing")
    return True


def _redis_answers() -> bool:
    if courtesy.pause.active():
        return False
    try:
        redis.get("readyz")
    except courtesy.REDIS_TROUBLE:
        return False
    return True


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format: what this process counted, and what the database says."""
    if settings.METRICS_TOKEN and not _knows_token(request):
        raise PermissionDenied
    figures.register()
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _knows_token(request: HttpRequest) -> bool:
    told = request.headers.get("Authorization", "").encode()
    return hmac.compare_digest(told, f"Bearer {settings.METRICS_TOKEN}".encode())


def server_error(request: HttpRequest) -> HttpResponse:
    """Our own failure, in plain words, with nothing of our insides."""
    failure = problems.Problem("Something went wrong on our side.")
    failure.status, failure.slug, failure.title = 500, "server-error", failure.detail
    return problems.answer(request, failure)
