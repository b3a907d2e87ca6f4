"""Emptying the database after a test that committed.

Django's flush truncates every table and makes permissions and roles anew: a fifth of a second,
most of a short test. Nearly every test leaves rows in a handful of tables; deleting those takes
milliseconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache

from django.core.management import CommandError
from django.db import DatabaseError, connection, transaction
from django.test import TransactionTestCase

from tests.stack import Stack

#: A worker's transaction lasts milliseconds; meeting it again and again is another fault.
FLUSH_TRIES = 5

Teardown = Callable[[TransactionTestCase], None]


def emptying(flush: Teardown) -> Teardown:
    """What takes the place of `flush`, Django's own way to empty the database."""

    def teardown(case: TransactionTestCase) -> None:
        # A worker still writes: only truncating waits for its transactions to end.
        if Stack.has_worker() or not _delete_rows():
            _flush_patiently(case, flush)

    return teardown


def _flush_patiently(case: TransactionTestCase, flush: Teardown) -> None:
    """It may deadlock with the running worker: then it is tried again."""
    for _ in range(FLUSH_TRIES - 1):
        with contextlib.suppress(CommandError):
            flush(case)
            return
    flush(case)


@cache
def _born_with() -> dict[str, int]:
    """Rows by table that migrations leave behind: permissions, roles, content types."""
    return {}


def remember_what_migrations_left() -> None:
    """Call once, before any test wrote a row."""
    _born_with().update(_rows_by_table())


def _rows_by_table() -> dict[str, int]:
    """Tables that have rows; those of every model, counted only as far as they differ."""
    names = connection.introspection.django_table_names(only_existing=True)
    one = "SELECT '{0}', (SELECT count(*) FROM (SELECT 1 FROM {0} LIMIT 1000) few)"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(one.format(name) for name in names))
        return {name: count for name, count in cursor.fetchall() if count}


def _delete_rows() -> bool:
    """Delete what the test left; False where what every test starts from was touched."""
    if not _born_with():
        return False
    try:
        with transaction.atomic(durable=False), connection.cursor() as cursor:
            left = _rows_by_table()
            if any(left.get(name) != count for name, count in _born_with().items()):
                return False
            # Neither foreign keys nor the triggers that keep history are in the way.
            cursor.execute("SET LOCAL session_replication_role = replica")
            for name in left.keys() - _born_with().keys():
                cursor.execute(f"DELETE FROM {name}")
    except DatabaseError:
        return False
    return True
