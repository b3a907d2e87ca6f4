"""The pool after a restart of the database, and a database that is not heard any more."""

import psycopg
import pytest
from django.db import connection

from shop.database.base import Connection
from tests.faultline import FaultLine
from tests.journeys.test_database import end_every_other_connection
from tests.stack import database_url_of_tests, socket_of_database

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
    borrowed = pool.getconn()  # asked now, or less than ASK_SECONDS ago
    try:
        pool._look(borrowed)
        asked: list[psycopg.Connection] = []
        monkeypatch.setattr(pool, "check_connection", asked.append)
        for _ in range(3):
            pool._look(borrowed)
        assert asked == []
        monkeypatch.setattr("shop.database.base.ASK_SECONDS", 0.0)
        pool._look(borrowed)
        assert asked == [borrowed]
    finally:
        pool.putconn(borrowed)


def test_a_database_that_is_not_heard_any_more_is_given_up(settings):
    """No limit of the server's helps, and TCP has every byte acknowledged."""
    with FaultLine(socket_of_database()) as line:
        silent = Connection.connect(line.database_url(database_url_of_tests()))
        assert silent.execute("SELECT 1").fetchone() == (1,)
        line.freeze()
        settings.DATABASE_ANSWER_SECONDS = 0.2
        with pytest.raises(psycopg.OperationalError):
            silent.execute("SELECT 1")
        line.heal()
        assert line.hits["frozen"] == 1
        assert silent.closed, "its late answer would be taken for another question's"
