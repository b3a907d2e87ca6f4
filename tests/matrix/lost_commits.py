"""An asynchronous failover: the last commits, acknowledged and acted upon, are gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.db import connection

#: The copy of every table, made and dropped beside them.
SCHEMA = "before_the_failover"


@contextmanager
def losing_commits() -> Iterator[dict[str, int]]:
    """What the block commits is lost with the old primary; yields how many rows, by table.

    The tables become what they were, past every trigger, as a replica is that did not get the
    last of the log. Sequences go on, as they do there; Redis was filled by the lost primary.
    """
    lost: dict[str, int] = {}
    tables = _tables()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        for table in tables:
            cursor.execute(f'CREATE TABLE {SCHEMA}."{table}" AS TABLE public."{table}"')
    try:
        yield lost
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            for table in tables:
                count = _go_back(cursor, table)
                if count:
                    lost[table] = count
            cursor.execute("SET session_replication_role = DEFAULT")
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    cache.clear()


def _go_back(cursor: object, table: str) -> int:
    """Rows that were written or changed since, undone."""
    run = cursor.execute  # type: ignore[attr-defined]
    here, then = f'public."{table}"', f'{SCHEMA}."{table}"'
    run(f"SELECT count(*) FROM (TABLE {here} EXCEPT ALL TABLE {then}) newer")
    count = int(cursor.fetchone()[0])  # type: ignore[attr-defined]
    run(f"SELECT count(*) FROM (TABLE {then} EXCEPT ALL TABLE {here}) older")
    if count or cursor.fetchone()[0]:  # type: ignore[attr-defined]
        run(f"DELETE FROM {here}")
        run(f"INSERT INTO {here} OVERRIDING SYSTEM VALUE TABLE {then}")
    return count


def _tables() -> list[str]:
    """Everything of ours that a purchase writes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            " AND table_type = 'BASE TABLE' AND table_name ~ '^(orders|payments|shop)_'"
        )
        return [name for (name,) in cursor.fetchall()]
