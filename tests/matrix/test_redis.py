"""Redis is refused, a black hole, or emptied at each step: a courtesy is missing, no money."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.core.cache import cache
from django_redis import get_redis_connection

from shop import courtesy, redis_servers
from tests.bank import Bank
from tests.factories import new_key
from tests.faultline import FaultLine
from tests.matrix.scene import Scene
from tests.matrix.table import Cell, tells
from tests.matrix.walks import WALKS

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 0.1


@pytest.fixture
def redis_wire(settings: Any) -> Iterator[FaultLine]:
    """Cache, locks and broker of this process are reached over this wire."""
    parts = urlsplit(os.environ["REDIS_URL"])
    target = parts.path if parts.scheme == "unix" else (parts.hostname or "", parts.port or 6379)
    with FaultLine(target) as line, pytest.MonkeyPatch.context() as patch:
        url = line.redis_url(os.environ["REDIS_URL"])
        settings.CACHES = redis_servers.caches(url, timeout_seconds=PATIENCE_SECONDS)
        settings.REDIS_TIMEOUT_SECONDS = PATIENCE_SECONDS
        patch.setattr(current_app.conf, "broker_url", redis_servers.broker(url))
        yield line
        line.heal()
        cache.clear()
    courtesy.pause.until = 0.0


@contextmanager
def away(line: FaultLine, fault: Callable[[], None], name: str) -> Iterator[list[int]]:
    """Nobody has noticed yet when the step begins."""
    hits = [0]
    courtesy.pause.until = 0.0
    fault()
    yield hits
    hits[0] = line.hits[name]
    line.heal()
    courtesy.pause.until = 0.0


@contextmanager
def emptied(line: FaultLine) -> Iterator[list[int]]:
    """FLUSHALL of what this process keeps there, before the step and after it."""
    hits = [0]
    redis = get_redis_connection("default")
    cache.set("something", "that will be gone", 60)
    hits[0] += redis.dbsize()
    redis.flushdb()
    yield hits
    redis.flushdb()


@tells(redis="BCSWPXR")
def test_without_redis_each_step_ends_as_with_it(cell: Cell, bank: Bank, redis_wire: FaultLine):
    for trouble in (
        lambda: away(redis_wire, redis_wire.cut, "cut"),
        lambda: away(redis_wire, redis_wire.freeze, "frozen"),
        lambda: emptied(redis_wire),
    ):
        scene = Scene(bank)
        walk = WALKS[cell.point](scene, new_key())
        walk.prepare()
        with trouble() as hits:
            assert walk.act() in (200, 201, 302), "Redis is in the way"
        assert hits[0] > 0, "Redis was never missed"
        walk.finish()
        scene.ended(walk.end)
