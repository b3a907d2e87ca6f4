"""The database engine that the settings name: Django's own, with another pool.

psycopg's pool looks at a connection before it hands it out, but pauses 1, 2, 4, 8 s between
dead ones: after a restart or a failover a full pool would refuse every request for half a
minute. Here the first dead connection condemns all that lie idle beside it. And it asks the
server at every look, which is a round trip for each request; a server that ended a connection
has said so, and that is seen without asking.

A network that takes every byte and brings no answer is worse than a dead one: the server's own
time limits do not reach us, TCP sees its bytes acknowledged, and the driver would wait for ever.
So each connection has a limit of its own for every answer.
"""

import select
import time
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg.abc import PQGen
from psycopg_pool import ConnectionPool

T = TypeVar("T")
#: A server that is there answers a look in milliseconds.
LOOK_SECONDS = 2.0
#: A host that vanished without a word is noticed by asking, this often for each connection.
ASK_SECONDS = 5.0


class Connection(psycopg.Connection[Any]):
    """Ends itself when the server says nothing for `DATABASE_ANSWER_SECONDS`."""

    answer_seconds: float | None = None  # None: the settings'

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the server's answer; an OperationalError when it does not come."""
        limit = timeout or self.answer_seconds or settings.DATABASE_ANSWER_SECONDS
        try:
            return super().wait(gen, interval, limit)
        except psycopg.errors._WaitTimeout:
            # The answer may still come, to a question that nobody remembers: use it no more.
            self.pgconn.finish()
            raise


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
        super().__init__(open=False, check=self._look, connection_class=Connection, **options)
        self._asked_at: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()

    def _look(self, connection: Connection) -> None:
        now = time.monotonic()
        if now - self._asked_at.get(connection, 0) < ASK_SECONDS and _is_quiet(connection):
            return
        connection.answer_seconds = LOOK_SECONDS
        try:
            self.check_connection(connection)
        except psycopg.Error:
            self.drain()
            raise
        finally:
            connection.answer_seconds = None
        self._asked_at[connection] = now


def _is_quiet(connection: Connection) -> bool:
    """Whether the server has said nothing unasked, as it does before it ends a connection."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
