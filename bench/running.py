"""A run: databases of each size, and on each the three in turns."""

from __future__ import annotations

import base64
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

from bench import besides, measuring, rows
from bench.operations import Operation, Turn
from bench.serving import ROOT, Running, environment, server

Say = Callable[[str], None]
WHO = ("limit", "floor", "shop")
BASE = "bench_base"
#: Fresh rows begin here: above every past.
FRESH = 10_000_000
#: Requests before anything is measured, and before one is counted.
WARM, COUNTED = 40, 3


@dataclass
class Bench:
    """Where it runs and how much of each."""

    database_url: str
    redis_url: str
    rounds: int
    requests: int  # of one round of one operation over HTTP; the limit does four times as many
    say: Say
    order: random.Random
    operations: list[Operation]
    next_row: int = FRESH

    def take(self, count: int) -> int:
        """Numbers nobody had before."""
        first, self.next_row = self.next_row, self.next_row + count
        return first


def database(url: str, name: str) -> str:
    """Another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def build_base(url: str, redis_url: str) -> None:
    """Migrated, seeded, with the bench's goods; every size is a copy of it."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {BASE} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {BASE}")
    base = database(url, BASE)
    subprocess.run(
        [sys.executable, "manage.py", "prepare"],
        cwd=ROOT,
        env=environment("shop", base, redis_url),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with psycopg.connect(base) as made:
        made.execute(rows.GOODS_ROWS)


@contextmanager
def sized(url: str, redis_url: str, size: int, say: Say) -> Iterator[str]:
    """A database with that many orders in it; it is dropped afterwards."""
    name = f"bench_{size}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {BASE}")
    # Another database's answers must not be remembered here.
    redis.Redis.from_url(redis_url).flushall()
    began = time.monotonic()
    with psycopg.connect(database(url, name), autocommit=True) as made:
        rows.write(
            made,
            1,
            size,
            order="paid",
            payment="captured",
            past=True,
            progress=lambda done: say(f"  {done:,} orders of the past"),
        )
        made.execute("VACUUM (ANALYZE)")
        made.execute("CHECKPOINT")
    say(f"  the past was written in {time.monotonic() - began:.0f} s")
    try:
        yield database(url, name)
    finally:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def run_size(bench: Bench, url: str, size: int) -> dict[str, Any]:
    """Every operation on this database, limit, floor and shop in turns; medians."""
    samples: dict[str, dict[str, list[Any]]] = {}
    with ExitStack() as stack:
        webs = {
            who: stack.enter_context(server(who, url, bench.redis_url))
            for who in ("floor", "shop", "bare")
        }
        data = stack.enter_context(psycopg.connect(url, autocommit=True))
        session = besides.inside("session", {}, "shop", url, bench.redis_url)["session"]
        place = Place(bench, url, size, webs, data, session)
        for operation in bench.operations:
            place.one(operation, WARM, {})
        for turn in range(bench.rounds):
            bench.order.shuffle(bench.operations)
            for operation in bench.operations:
                place.one(operation, bench.requests // operation.costs, samples)
            place.others(samples)
            bench.say(f"  {size:,} orders: round {turn + 1} of {bench.rounds}")
        counts = place.counts()
    found = {name: {who: _middle(each) for who, each in of.items()} for name, of in samples.items()}
    return {"figures": found, "counts": counts}


@dataclass
class Place:
    """One database with its servers."""

    bench: Bench
    url: str
    size: int
    webs: dict[str, Running]
    data: psycopg.Connection
    session: str

    def one(self, operation: Operation, count: int, samples: dict[str, dict[str, Any]]) -> None:
        """Limit, floor and shop, each with rows of its own."""
        for who in WHO if operation.has_floor else ("limit", "shop"):
            many = max(count, 1) * (4 if who == "limit" else 1)
            many = -(-many // measuring.CONNECTIONS) * measuring.CONNECTIONS
            if operation.of_the_past:
                first, many = 1, min(many, self.size)
            else:
                first = self.bench.take(many)
            if operation.rows is not None:
                rows.write(self.data, first, many, **operation.rows)
            if operation.remembered and who == "shop":
                self._remember(first, many)
            for _ in range(2 if operation.repeats else 1):
                sample = self._measure(operation, who, first, many)
            samples.setdefault(operation.name, {}).setdefault(who, []).append(sample)

    def _remember(self, first: int, count: int) -> None:
        told = {"first": first, "count": count}
        besides.inside("remember", told, "shop", self.url, self.bench.redis_url)

    def _measure(self, operation: Operation, who: str, first: int, count: int) -> measuring.Sample:
        try:
            if who == "limit":
                script = operation.script or operation.name
                return measuring.pgbench(self.url, script, first, count)
            requests = [
                operation.request(Turn(n, who, self.session)) for n in range(first, first + count)
            ]
            return measuring.http(self.webs[who], requests, operation.expected)
        except measuring.Failed as wrong:
            raise measuring.Failed(f"{operation.title}, {who}: {wrong}") from wrong

    def others(self, samples: dict[str, dict[str, Any]]) -> None:
        """What no request asks for."""
        take, redis_url = self.bench.take, self.bench.redis_url
        many = max(20, self.bench.requests)
        found = {
            "sweep": besides.sweep(self.data, take, many, self.url, redis_url),
            "relay": besides.relay(self.data, take, many // 4, self.url, redis_url),
            "push": besides.push(
                self.data, take, self.webs["shop"], self.webs["bare"], self.url, redis_url
            ),
        }
        for name, each in found.items():
            for who, figure in each.items():
                samples.setdefault(name, {}).setdefault(who, []).append(figure)

    def counts(self) -> dict[str, Any]:
        """Statements of one request of each operation, for the shop and the floor."""
        found = {}
        for who in WHO[1:]:
            asked = {}
            for operation in self.bench.operations:
                if who == "floor" and not operation.has_floor:
                    continue
                first = 1 if operation.of_the_past else self.bench.take(COUNTED)
                if operation.rows is not None:
                    rows.write(self.data, first, COUNTED, **operation.rows)
                if operation.remembered and who == "shop":
                    self._remember(first, COUNTED)
                turns = [Turn(first + n, who, self.session) for n in range(COUNTED)]
                requests = [operation.request(turn) for turn in turns]
                asked[operation.name] = [
                    base64.b64encode(request).decode()
                    for request in requests + requests[-1:] * operation.repeats
                ]
            found[who] = besides.inside("count", {"requests": asked}, who, self.url,
                                        self.bench.redis_url)  # fmt: skip
        return found


def _middle(each: list[Any]) -> dict[str, float]:
    """The median of rounds: of samples, or of plain figures."""
    if isinstance(each[0], measuring.Sample):
        return {name: round(value, 3) for name, value in asdict(measuring.median(each)).items()}
    return {"figure": round(statistics.median(each), 3)}


def machine() -> str:
    """What it ran on, in a few words."""
    with open("/proc/cpuinfo") as told:
        names = [line.split(":")[1].strip() for line in told if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {names[0] if names else 'unknown processor'}"
