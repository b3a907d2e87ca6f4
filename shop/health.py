"""For operators: is the process alive, can it serve, and what are its figures?"""

from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shop import courtesy, problems

_migrated = False


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
    global _migrated
    try:
        if not _migrated:
            executor = MigrationExecutor(connection)
            _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except OperationalError:
        return False
    return _migrated


def _redis_answers() -> bool:
    if courtesy.pause.active():
        return False
    try:
        cache.get("readyz")
    except courtesy.REDIS_TROUBLE:
        return False
    return True


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def server_error(request: HttpRequest) -> HttpResponse:
    """Our own failure, in plain words, with nothing of our insides."""
    if request.path.startswith(("/api/", "/webhooks/")):
        failure = problems.Problem("Something went wrong on our side.")
        failure.status, failure.slug, failure.title = 500, "server-error", failure.detail
        return problems.problem_response(failure)
    return render(request, "500.html", status=500)
