"""What a connection is told: how long it may take, and what a pooler before the server asks.

A pooler in transaction mode lends a server's connection for one transaction. Nothing that lives in
a session survives that: no start-up options, no prepared statements, no cursors beyond a
transaction, no temporary tables. The time limits then belong to the role (`keep`).
"""

from typing import Any

from django.db import connection
from psycopg import sql

#: A lock or a statement that takes longer than this is a 503, never a hung shopper.
LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "8s",
    "idle_in_transaction_session_timeout": "30s",
}
POOLERS = ("none", "transaction")


def configuration(*, pool_size: int, pooler: str) -> dict[str, Any]:
    """What DATABASES says beside the address."""
    options: dict[str, Any] = {
        "pool": {"min_size": 1, "max_size": pool_size, "timeout": 10},
        # Parameters travel beside the statement.
        "server_side_binding": True,
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    if pooler == "transaction":
        return {
            "OPTIONS": {**options, "prepare_threshold": None},
            "DISABLE_SERVER_SIDE_CURSORS": True,
        }
    told = " ".join(f"-c {name}={limit}" for name, limit in LIMITS.items())
    # What a connection asks for the third time is prepared: it need not be read and planned again.
    return {"OPTIONS": {**options, "options": told, "prepare_threshold": 2}}


def keep() -> None:
    """Give our role these limits in our database, for every connection that is made from now on."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        for limit, value in LIMITS.items():
            cursor.execute(
                sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = {}").format(
                    sql.Identifier(name), sql.Identifier(limit), sql.Literal(value)
                )
            )


def in_force() -> dict[str, str]:
    """The limits as this connection has them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)",
            [list(LIMITS)],
        )
        return dict(cursor.fetchall())
