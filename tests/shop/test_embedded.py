"""The launcher of the embedded servers: it starts, stops, and keeps what was written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from shop import embedded
from tests.shop.processes import PROJECT, processes_of, wait_until, without_servers

RUN = [sys.executable, "-m", "shop.embedded", "run", "--base"]


def count_starts(running: embedded.Servers) -> tuple[int, int]:
    """Add one to a table and to a counter, and return both."""
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS starts (id serial)")
        connection.execute("INSERT INTO starts DEFAULT VALUES")
        rows = connection.execute("SELECT count(*) FROM starts").fetchone()
    with redis.Redis.from_url(running.redis_url) as client:
        return (rows or (0,))[0], client.incr("starts")


def run(home: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, str(home), "--", *command],
        cwd=PROJECT,
        env=without_servers() | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def launch(home: Path) -> subprocess.Popen[str]:
    """A launcher in its own process, ready, holding its servers."""
    launcher = subprocess.Popen(
        [*RUN, str(home), "--", "sh", "-c", "echo ready; exec sleep 60"],
        cwd=PROJECT,
        env=without_servers(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert launcher.stdout
    with launcher.stdout as said:
        assert said.readline() == "ready\n"
    return launcher


def test_second_start_keeps_what_the_first_wrote(home):
    for start in (1, 2, 3):
        running = embedded.start(home)
        assert count_starts(running) == (start, start)
        running.stop()
        assert processes_of(home) == []


def test_the_database_survives_a_power_cut_and_has_no_port(home):
    running = embedded.start(home)
    with psycopg.connect(running.database_url) as connection:
        for name, value in (("fsync", "on"), ("listen_addresses", ""), ("max_connections", "500")):
            assert connection.execute(f"SHOW {name}").fetchone() == (value,)
    running.stop()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ending_the_launcher_seven_times_leaves_no_process_and_loses_nothing(home, how):
    for _ in range(7):
        launcher = launch(home)
        assert len(processes_of(home)) >= 2
        os.killpg(launcher.pid, how)
        launcher.wait(90)
        assert wait_until(lambda: processes_of(home) == []), processes_of(home)
    running = embedded.start(home)
    assert count_starts(running) == (1, 1)
    running.stop()


def test_second_copy_on_one_folder_is_refused_at_once(home):
    launcher = launch(home)
    began = time.monotonic()
    refused = run(home, "true")
    assert time.monotonic() - began < 6
    assert refused.returncode == 1
    assert "A second copy is running" in refused.stderr
    assert f"(process {launcher.pid})" in refused.stderr
    assert "Traceback" not in refused.stderr
    os.killpg(launcher.pid, signal.SIGTERM)
    launcher.wait(90)


def test_interrupted_first_start_is_begun_anew(home):
    draft = home / "shop" / "pg.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    running = embedded.start(home)
    assert count_starts(running) == (1, 1)
    running.stop()


def test_path_longer_than_a_socket_may_have_is_no_trouble(home):
    deep = home / ("long-" * 30)
    running = embedded.start(deep)
    assert count_starts(running) == (1, 1)
    running.stop()


def test_servers_of_ones_own_are_used_and_none_is_started(home):
    env = {"DATABASE_URL": "postgresql://db.example/shop", "REDIS_URL": "redis://cache.example/3"}
    shown = run(home, "sh", "-c", "echo $DATABASE_URL $REDIS_URL", **env)
    assert shown.stdout.split() == list(env.values())
    assert not (home.resolve() / "shop").exists()


def test_only_the_missing_server_is_started(home):
    running = embedded.start(home, database_url="postgresql://db.example/shop")
    assert running.database_url == "postgresql://db.example/shop"
    assert [child.program.name for child in running.children] == ["Valkey"]
    running.stop()


def test_command_gives_its_exit_code(home):
    assert run(home, "sh", "-c", "exit 7").returncode == 7
