"""The wire before the database: what it does to real connections of a real client."""

import os
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from chaos.house import Told, free_ports

parts = urlsplit(os.environ["DATABASE_URL"])
FOLDER = parse_qs(parts.query)["host"][0]
HOLE_SECONDS = 0.6


class Line:
    """A wire to the test database, and connections over it."""

    def __init__(self, log: Path) -> None:
        (self.port,) = free_ports(1)
        self.wire = Told(["-m", "chaos.wire", str(self.port)], dict(os.environ), log)
        self.wire.wait_for("ready")
        self.do(do="target", path=f"{FOLDER}/.s.PGSQL.5432")

    def do(self, **wish: object) -> None:
        self.wire.tell(**wish)
        self.wire.wait_for("did")

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=parts.username, dbname=parts.path[1:],
            sslmode="disable", gssencmode="disable", connect_timeout=5,
        )  # fmt: skip


@pytest.fixture
def line(tmp_path):
    line = Line(tmp_path / "wire.log")
    yield line
    line.wire.stop()


def test_everything_passes_in_fair_weather(line):
    with line.connect() as connection:
        big = connection.execute("SELECT repeat('x', 300000)").fetchone()
        assert len(big[0]) == 300_000


def test_a_lost_commit_was_done(line):
    name = f"lost_commit_{os.getpid()}"
    with line.connect() as before:
        before.execute(f"CREATE TABLE {name} (n int)")
    try:
        connection = line.connect()
        connection.execute(f"INSERT INTO {name} VALUES (1)")
        line.do(do="lose_commit")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        connection.close()
        assert line.wire.wait_for("lost") == {"lost": "commit"}
        with line.connect() as after:
            assert after.execute(f"SELECT n FROM {name}").fetchall() == [(1,)]
    finally:
        with line.connect() as last:
            last.execute(f"DROP TABLE {name}")


def test_a_black_hole_holds_everything_and_lets_it_go_on(line):
    with line.connect() as connection:
        began = time.monotonic()
        line.do(do="hole", seconds=HOLE_SECONDS)
        time.sleep(0.1)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with line.connect() as another:
            assert another.execute("SELECT 2").fetchone() == (2,)
        assert time.monotonic() - began >= HOLE_SECONDS


def test_a_cut_resets_what_is_open_and_lets_new_ones_through(line):
    connection = line.connect()
    connection.execute("SELECT 1")
    line.do(do="cut")
    with pytest.raises(psycopg.OperationalError):
        until_it_fails(lambda: connection.execute("SELECT 1"))
    connection.close()
    with line.connect() as another:
        assert another.execute("SELECT 1").fetchone() == (1,)


def test_without_a_target_nobody_gets_through(line):
    line.do(do="target", path="")
    with pytest.raises(psycopg.OperationalError):
        until_it_fails(lambda: line.connect().close())


def until_it_fails(act):
    for _ in range(100):
        act()
        time.sleep(0.05)
