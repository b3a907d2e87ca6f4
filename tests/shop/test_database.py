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


def test_a_connection_that_was_asked_just_now_is_handed_out_without_a_round_trip(monkeypatch):
    connection.ensure_connection()
    pool = connection.pool  # type: ignore[attr-defined]
    idle = [pool.getconn() for _ in range(pool.get_stats()["pool_available"])]
    for borrowed in idle:
        pool.putconn(borrowed)
    asked: list[psycopg.Connection] = []
    monkeypatch.setattr(pool, "check_connection", asked.append)
    for _ in range(3):
        pool.putconn(pool.getconn())
    assert asked == []
    monkeypatch.setattr("shop.database.base.ASK_SECONDS", 0.0)
    pool.putconn(pool.getconn())
    assert len(asked) == 1
