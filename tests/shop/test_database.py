"""The pool after a restart of the database: one look finds out, no request pays for it."""

import psycopg
import pytest
from django.db import connection

from tests.journeys.test_database import end_every_other_connection

pytestmark = pytest.mark.django_db(transaction=True)
IDLE = 12


def test_one_dead_connection_condemns_all_that_lie_idle_beside_it(monkeypatch):
    connection.ensure_connection()
    pool = connection.pool  # type: ignore[attr-defined]
    for borrowed in [pool.getconn() for _ in range(IDLE)]:
        pool.putconn(borrowed)
    end_every_other_connection()
    looks: list[bool] = []
    look = pool.check_connection

    def counted(borrowed: psycopg.Connection) -> None:
        looks.append(False)
        look(borrowed)
        looks[-1] = True

    monkeypatch.setattr(pool, "check_connection", counted)
    borrowed = pool.getconn()
    try:
        assert borrowed.execute("SELECT 1").fetchone() == (1,)
    finally:
        pool.putconn(borrowed)
    assert looks == [False, True]
