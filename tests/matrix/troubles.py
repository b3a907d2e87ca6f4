"""What goes wrong with the database at a point, for real: the server fails, or the wire to it.

Each trouble is a context manager around the step; what it yields counts its hits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from shop.failpoints import strike
from tests.faultline import FaultLine

#: Django's types do not know of the pool.
shops_own: Any = connection
#: Our patience with a silent database in these tests.
SILENCE_SECONDS = 0.3
#: Points inside a transaction: the next COMMIT is the one that matters.
IN_TRANSACTION = {"payment.writing", "outcome.recording", "close.writing", "refund.writing"}


@dataclass
class Hits:
    """How often the fault really happened."""

    hits: int = 0


Trouble = Callable[[FaultLine, str], AbstractContextManager[Hits]]


def server_says(sqlstate: str) -> Trouble:
    """PostgreSQL itself raises this error at the point, and the driver hands it on."""

    def fail() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END$$")

    @contextmanager
    def trouble(line: FaultLine, point: str) -> Iterator[Hits]:
        found = Hits()
        with strike(point, fail, times=3) as struck:
            yield found
        found.hits = struck.hits

    return trouble


def wire_does(fault: Callable[[FaultLine, str], None], *counted: str) -> Trouble:
    """From this point on something is wrong with the wire, until the step is over."""

    @contextmanager
    def trouble(line: FaultLine, point: str) -> Iterator[Hits]:
        found, before = Hits(), sum(line.hits[name] for name in counted)
        patience = settings.DATABASE_ANSWER_SECONDS
        with strike(point, lambda: fault(line, point)):
            yield found
        found.hits = sum(line.hits[name] for name in counted) - before
        settings.DATABASE_ANSWER_SECONDS = patience
        line.heal()
        # The pool would come back by itself, a little later each time: we do not wait for that.
        connection.close()
        shops_own.close_pool()

    return trouble


def says_nothing(line: FaultLine, point: str) -> None:
    """A black hole; our patience is shortened with it, and only from here on."""
    settings.DATABASE_ANSWER_SECONDS = SILENCE_SECONDS
    line.freeze()


def commit_is_lost(line: FaultLine, point: str) -> None:
    if point in IN_TRANSACTION:
        line.lose_commits()
    else:
        line.lose_answers()


def fails_over(line: FaultLine, point: str) -> None:
    """The server dies with the commit done and replicated: nothing is lost but the answer."""
    if point in IN_TRANSACTION:
        line.lose_commits(then_cut=True)
    else:
        line.lose_answers(then_cut=True)


@contextmanager
def no_connection_is_free(line: FaultLine, point: str) -> Iterator[Hits]:
    """Others hold every connection of the pool for as long as the step takes."""
    found = Hits()
    connection.close()
    pool = shops_own.pool
    assert pool is not None
    held = [pool.getconn() for _ in range(pool.max_size)]
    before = pool.get_stats().get("requests_errors", 0)
    try:
        yield found
    finally:
        found.hits = pool.get_stats().get("requests_errors", 0) - before
        for one in held:
            pool.putconn(one)


TROUBLES: dict[str, tuple[Trouble, ...]] = {
    "lock": (server_says("55P03"), server_says("40P01"), server_says("40001")),
    "disk-full": (server_says("53100"),),
    "restart": (wire_does(lambda line, _: line.cut(), "cut"),),
    "commit-lost": (wire_does(commit_is_lost, "commit", "answer"),),
    "failover-sync": (wire_does(fails_over, "commit", "answer"),),
    "black-hole": (wire_does(says_nothing, "frozen"),),
    "pool": (no_connection_is_free,),
}
