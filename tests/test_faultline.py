"""The wire of the fault tests does to real connections what it says, and counts it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.faultline import FaultLine
from tests.stack import database_url_of_tests, socket_of_database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def line() -> Iterator[FaultLine]:
    with FaultLine(socket_of_database()) as wire:
        yield wire


def connected(line: FaultLine) -> psycopg.Connection:
    return psycopg.connect(line.database_url(database_url_of_tests()), connect_timeout=2)


def sessions(line: FaultLine) -> int:
    with connected(line) as other:
        found = other.execute("SELECT count(*) FROM django_session").fetchone()
    assert found is not None
    return int(found[0])


def insert_session(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO django_session VALUES ('a key', 'nothing', now())")


def test_a_commit_is_done_and_its_answer_is_lost(line):
    with connected(line) as connection:
        insert_session(connection)
        line.lose_commits()
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
    assert line.hits["commit"] == 1
    assert sessions(line) == 1


def test_a_statement_that_commits_by_itself_is_done_and_its_answer_is_lost(line):
    with connected(line) as connection:
        connection.autocommit = True
        line.lose_answers(then_cut=True)
        with pytest.raises(psycopg.OperationalError):
            insert_session(connection)
        with pytest.raises(psycopg.OperationalError):
            connected(line)
    line.heal()
    assert line.hits["answer"] == 1
    assert sessions(line) == 1


def test_a_commit_that_the_server_refuses_is_no_lost_answer(line):
    with connected(line) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT 1 FROM nowhere")
        line.lose_commits()
        connection.execute("COMMIT")
    assert line.hits["commit"] == 0


def test_a_cut_line_refuses_until_it_is_healed(line):
    connection = connected(line)
    line.cut()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        connected(line)
    assert line.hits["cut"] >= 2
    line.heal()
    assert sessions(line) == 0


def test_a_reset_ends_what_is_open_and_lets_new_ones_in(line):
    connection = connected(line)
    line.reset()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    assert line.hits["reset"] == 1
    assert sessions(line) == 0


def test_a_frozen_line_says_nothing_and_goes_on_when_healed(line):
    connection = connected(line)
    line.freeze()
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(connection.execute("SELECT 1")))
    asking.start()
    asking.join(0.2)
    assert asking.is_alive()
    assert answers == []
    line.heal()
    asking.join(5)
    assert len(answers) == 1
    assert line.hits["frozen"] >= 1
    connection.close()


def test_a_delay_delays(line):
    connection = connected(line)
    line.delay(0.1)
    began = time.monotonic()
    connection.execute("SELECT 1")
    assert time.monotonic() - began >= 0.2
    assert line.hits["delayed"] >= 2
    connection.close()


def test_a_redis_is_reached_and_lost_over_the_line_too():
    url = os.environ["REDIS_URL"]
    parts = urlsplit(url)
    target = parts.path if parts.scheme == "unix" else (parts.hostname or "", parts.port or 6379)
    with FaultLine(target) as line:
        redis = Redis.from_url(line.redis_url(url), socket_timeout=1, retry=None)
        assert redis.ping()
        line.cut()
        with pytest.raises(RedisError):
            redis.ping()
        redis.close()
