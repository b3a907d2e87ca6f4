"""The database engine that the settings name: Django's own, with another pool.

psycopg's pool looks at a connection before it hands it out, but pauses 1, 2, 4, 8 s between
dead ones: after a restart or a failover a full pool would refuse every request for half a
minute. Here the first dead connection condemns all that lie idle beside it. And it asks the
server at every look, which is a round trip for each request; a server that ended a connection
has said so, and that is seen without asking.
"""

import select
import time
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

Connection = psycopg.Connection[Any]

#: A host that vanished without a word is noticed by asking, this often for each connection.
ASK_SECONDS = 5.0


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of one thread, borrowed from the process's pool."""

    @property
    def pool(self) -> "RestartProofPool | None":
        """The pool of this alias, made at the first need; None where none is configured."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        # Django's own attributes, which its types leave out.
        pools: dict[str, RestartProofPool] = self._connection_pools  # type: ignore[attr-defined]
        if self.alias not in pools:
            fresh = RestartProofPool(
                kwargs={**self.get_connection_params(), "autocommit": True},
                configure=self._configure_connection,  # type: ignore[attr-defined]
                **options,
            )
            # Of two threads that come here at once the first keeps its pool; none is open yet.
            pools.setdefault(self.alias, fresh)
        return pools[self.alias]


class RestartProofPool(ConnectionPool[Connection]):
    """A pool that looks before it hands out, and throws away in one go what a restart killed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(open=False, check=self._look, **options)
        self._asked_at: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()

    def _look(self, connection: Connection) -> None:
        now = time.monotonic()
        if now - self._asked_at.get(connection, 0) < ASK_SECONDS and _is_quiet(connection):
            return
        try:
            self.check_connection(connection)
        except psycopg.Error:
            self.drain()
            raise
        self._asked_at[connection] = now


def _is_quiet(connection: Connection) -> bool:
    """Whether the server has said nothing unasked, as it does before it ends a connection."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
