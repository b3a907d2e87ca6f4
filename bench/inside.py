"""`python -m bench.inside WHAT`: the parts of the shop that no request reaches, and its counts.

A process of its own under the settings in DJANGO_SETTINGS_MODULE. It is told what to do as JSON
on standard input and answers in JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE SAVEPOINT")
WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


def session(_: dict[str, Any]) -> dict[str, Any]:
    """Sign somebody in who may look at everything."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from shop.models import User

    person, _made = User.objects.get_or_create(
        username="bench", defaults={"is_staff": True, "is_superuser": True}
    )
    store = SessionStore()
    store[SESSION_KEY] = str(person.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = person.get_session_auth_hash()
    store.create()
    return {"session": store.session_key}


def remember(told: dict[str, Any]) -> dict[str, Any]:
    """Keep what placing an order leaves in Redis: a shopper pays right afterwards."""
    from bench import rows
    from orders import terms
    from orders.models import Order

    numbers = [rows.order_number(told["first"] + n) for n in range(told["count"])]
    for order in Order.objects.filter(number__in=numbers):
        terms.remember(order)
    return {}


def sweep(_: dict[str, Any]) -> dict[str, Any]:
    """Claim every payment that is due, in the sweep's own batches."""
    from payments import polling, sweeping
    from payments.models import Payment

    connection.ensure_connection()
    now, claimed, began = timezone.now(), 0, time.perf_counter()
    while references := polling.claim_due(Payment, now=now, limit=sweeping.BATCH):
        claimed += len(references)
    return {"done": claimed, "seconds": time.perf_counter() - began}


def relay(_: dict[str, Any]) -> dict[str, Any]:
    """Deliver every message that is due."""
    from shop import outbox

    connection.ensure_connection()
    done, began = 0, time.perf_counter()
    while delivered := outbox.relay(now=timezone.now()):
        done += delivered
    return {"done": done, "seconds": time.perf_counter() - began}


def push(told: dict[str, Any]) -> dict[str, Any]:
    """Announce changes of one order to its open pages."""
    from bench import fanout
    from orders import status
    from orders.models import Order

    order = Order.objects.get(number=told["number"])

    def change() -> None:
        order.version += 1
        order.save(update_fields=["version"])

    path = f"/ws/orders/{order.public_id}/"
    announce = lambda: status.announce(order)  # noqa: E731
    p50 = asyncio.run(fanout.measure(told["port"], path, announce=announce, change=change))
    return {"p50": p50}


def count(told: dict[str, Any]) -> dict[str, Any]:
    """What one request of each operation costs at the connection."""
    from django.core.wsgi import get_wsgi_application

    from bench.load import parsed
    from shop.in_threads import environ_of

    application: Any = get_wsgi_application()
    found = {}
    for name, requests in told["requests"].items():
        for text in requests:  # the last one counts: the others warm what is kept
            scope, body = parsed(base64.b64decode(text))
            before = _transactions()
            with CaptureQueriesContext(connection) as captured:
                answer = application(environ_of(scope, body), lambda *_: None)
                b"".join(answer)
            answer.close()
        found[name] = costs([query["sql"].strip() for query in captured.captured_queries])
        # An INSERT that met its conflict wrote nothing: the server gave it no number.
        wrote = _transactions() - before
        found[name]["write_commits"] = min(found[name]["write_commits"], wrote)
    return found


def _transactions() -> int:
    """How many transactions have written so far; nobody else is at this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        return int(cursor.fetchone()[0])


def costs(statements: list[str]) -> dict[str, int]:
    """Queries, round trips and write commits; BEGIN and COMMIT are round trips only."""
    commits, dirty, inside = 0, False, False
    for statement in statements:
        if statement.startswith("BEGIN"):
            inside, dirty = True, False
        elif statement.startswith("COMMIT"):
            commits, inside = commits + dirty, False
        elif statement.startswith(WRITES):
            dirty = True
            commits += not inside
    queries = sum(not statement.startswith(CONTROL) for statement in statements)
    return {"queries": queries, "round_trips": len(statements), "write_commits": commits}


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    task.__name__: task for task in (session, remember, sweep, relay, push, count)
}

if __name__ == "__main__":
    json.dump(TASKS[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
