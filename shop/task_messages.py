"""A Celery task as the broker keeps it, written without Celery's own machinery.

Sending a task through Celery and kombu takes longer than storing the notification that it is
about. What stands in the queue is a published form (Celery's message protocol 2 in kombu's
envelope for Redis); a test compares each field with what Celery itself sends.
"""

import base64
import json
import os
import socket
import uuid
from datetime import datetime
from functools import cache
from typing import Any

EMBEDDED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def task_message(
    task: str, kwargs: dict[str, Any], *, queue: str, due: datetime | None, **headers: str
) -> bytes:
    """The list entry for a worker: this task with these arguments, not before `due`."""
    task_id = str(uuid.uuid4())
    told: dict[str, Any] = {
        "lang": "py",
        "task": task,
        "id": task_id,
        "shadow": None,
        "eta": due.isoformat() if due else None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": task_id,
        "parent_id": None,
        "argsrepr": "()",
        "kwargsrepr": repr(kwargs),
        "origin": _origin(os.getpid()),
        "ignore_result": None,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
        **headers,
    }
    properties = {
        "correlation_id": task_id,
        "reply_to": "",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }
    body = base64.b64encode(json.dumps([[], kwargs, EMBEDDED]).encode()).decode()
    envelope = {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": told,
        "properties": properties,
    }
    return json.dumps(envelope).encode()


@cache
def _origin(process_id: int) -> str:
    return f"gen{process_id}@{socket.gethostname()}"
