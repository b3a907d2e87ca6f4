"""The Celery application: `celery -A shop worker` and `celery -A shop beat`."""

import os
from typing import Any

import structlog
from celery import Celery
from celery.signals import (
    before_task_publish,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_ready,
)

from shop.broker import outlive_redis

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

outlive_redis()
app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

#: The header in which a request's id travels to the tasks that it sends, and to theirs.
REQUEST_ID = "request_id"


@setup_logging.connect
def keep_django_logging(**_: object) -> None:
    """Celery would replace the JSON handlers; Django has configured them already."""


@before_task_publish.connect
def send_request_id(headers: dict[str, Any], **_: object) -> None:
    """Whoever sends a task passes the id of the request that led to it."""
    request_id = structlog.contextvars.get_contextvars().get(REQUEST_ID)
    if request_id:
        headers[REQUEST_ID] = request_id


@task_prerun.connect
def bind_request_id(task_id: str, task: Any, **_: object) -> None:
    """Every line of this task names it, and the request that led to it."""
    structlog.contextvars.clear_contextvars()
    carried = getattr(task.request, REQUEST_ID, None)
    request_id = carried or (task.request.headers or {}).get(REQUEST_ID) or task_id
    structlog.contextvars.bind_contextvars(request_id=request_id, task=task.name)


@task_postrun.connect
def forget_request_id(**_: object) -> None:
    """The thread goes on to somebody else's task."""
    structlog.contextvars.clear_contextvars()


@worker_ready.connect
def show_figures(**_: object) -> None:
    """A worker's own counters, on a port of their own."""
    from django.conf import settings
    from prometheus_client import start_http_server

    if settings.WORKER_METRICS_PORT:
        start_http_server(settings.WORKER_METRICS_PORT)
