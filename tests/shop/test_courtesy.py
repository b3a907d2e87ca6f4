"""Redis is asked with little patience, and its trouble never becomes ours."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog
from django_redis import get_redis_connection

from shop import courtesy
from shop.celery import app as current_app
from tests.journeys.redis_server import RedisServer
from tests.shop.processes import PROJECT

#: What one courtesy may cost a request (PROOF); its own patience is 0.1 s.
SECONDS_MAX = 0.3

#: Every courtesy once with its own connections, before the breaker opens, and after.
PROBE = """
import json, sys, time
import django
django.setup()
import shop.celery
from shop import courtesy

def hold():
    with courtesy.lock("name", hold_seconds=1, wait_seconds=1) as held:
        return held.value

COURTESIES = {
    "get": lambda: courtesy.get("name"),
    "put": lambda: courtesy.put("name", 1, seconds=5),
    "add": lambda: courtesy.add("another", 1, seconds=5),
    "count": lambda: courtesy.count("third", seconds=5),
    "drop": lambda: courtesy.drop("name"),
    "lock": hold,
    "enqueue": lambda: courtesy.enqueue("payments.sweep"),
    "publish": lambda: courtesy.publish("order.1", {"type": "order.changed"}),
}

def tried():
    found = {}
    for name, courtesy_of in COURTESIES.items():
        courtesy.pause.until = 0.0
        began = time.monotonic()
        found[name] = [courtesy_of(), time.monotonic() - began]
    return found

for _ in sys.stdin:
    first = tried()
    for courtesy_of in COURTESIES.values():
        courtesy_of()
    print(json.dumps([first, courtesy.pause.active()]), flush=True)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    redis = RedisServer()
    redis.start()
    yield redis
    redis.remove()


@pytest.fixture
def probe(server: RedisServer) -> Iterator[subprocess.Popen[str]]:
    server.start()
    server.flush()
    environment = {
        **os.environ,
        "REDIS_URL": server.url,
        "REDIS_TIMEOUT_SECONDS": "0.1",  # as in production; the other tests are more patient
        "DJANGO_SETTINGS_MODULE": "shop.settings",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROBE],
        cwd=PROJECT,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    yield process
    process.communicate(timeout=20)


def try_all(probe: subprocess.Popen[str]) -> tuple[dict[str, list], bool]:
    assert probe.stdin is not None
    assert probe.stdout is not None
    probe.stdin.write("go\n")
    probe.stdin.flush()
    while not (line := probe.stdout.readline()).startswith("[{"):
        assert line, "the probe ended"  # log lines come before
    found, paused = json.loads(line)
    return found, paused


@pytest.mark.parametrize("trouble", ["kill", "freeze"])
def test_a_redis_that_is_away_costs_a_tenth_of_a_second_and_no_error(probe, server, trouble):
    healthy, paused = try_all(probe)
    assert (healthy["lock"][0], healthy["add"][0], paused) == ("mine", True, False)
    getattr(server, trouble)()
    for _ in range(2):  # with the old connections, and with new ones
        away, paused = try_all(probe)
        assert away["lock"][0] == "no_redis"
        assert [away[name][0] for name in ("get", "add", "count")] == [None, None, None]
        assert max(seconds for _, seconds in away.values()) < SECONDS_MAX, away
        assert paused
    server.start()
    back, paused = try_all(probe)
    assert (back["lock"][0], paused) == ("mine", False)


OF_THIS_MESSAGE = {"id", "root_id", "eta", "correlation_id", "reply_to", "delivery_tag"}


@pytest.mark.parametrize("wait", [0, 30])
def test_a_task_is_written_as_celery_itself_writes_it(wait):
    current_app.control.purge()
    queue = current_app.conf.task_default_queue
    with structlog.contextvars.bound_contextvars(request_id="of-the-test"):
        courtesy.enqueue("payments.poll", countdown_seconds=wait, reference="ABC")
        current_app.send_task(
            "payments.poll", kwargs={"reference": "ABC"}, countdown=wait or None, retry=False
        )
    theirs, ours = map(json.loads, get_redis_connection("queue").lrange(queue, 0, -1))
    current_app.control.purge()
    assert base64.b64decode(ours.pop("body")) == base64.b64decode(theirs.pop("body"))
    for part in ("headers", "properties"):
        mine, other = ours.pop(part), theirs.pop(part)
        assert set(mine) == set(other)
        differing = {name for name in mine if mine[name] != other[name]}
        # Celery adds the task's own time limit where it has loaded the task; a worker has anyway.
        assert differing <= {"timelimit", *OF_THIS_MESSAGE}
        assert bool(mine.get("eta")) == bool(other.get("eta"))
    assert ours == theirs
