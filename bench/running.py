"""A run: databases of each size, and on each the three in turns."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

from bench import measuring, rows
from bench.operations import OPERATIONS, Operation
from bench.serving import ROOT, Running, environment, server

Say = Callable[[str], None]
WHO = ("limit", "floor", "shop")
BASE = "bench_base"
#: Fresh rows begin here: above every past.
FRESH = 10_000_000


@dataclass
class Bench:
    """Where it runs and how much of each."""

    database_url: str
    redis_url: str
    rounds: int
    requests: int  # of one round of one operation over HTTP; the limit does four times as many
    say: Say
    next_row: int = FRESH
    samples: dict[str, dict[str, list[measuring.Sample]]] = field(default_factory=dict)

    def take(self, count: int) -> int:
        """Numbers nobody had before."""
        first, self.next_row = self.next_row, self.next_row + count
        return first


def database(url: str, name: str) -> str:
    """Another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def build_base(url: str, redis_url: str) -> None:
    """Migrated, seeded, with the bench's goods; every size is a copy of it."""
    with psycopg.connect(url, autocommit=True) as server_:
        for name in [BASE]:
            server_.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            server_.execute(f'CREATE DATABASE "{name}"')
    base = database(url, BASE)
    for command in (["migrate", "-v0"], ["seed", "-v0"]):
        subprocess.run(
            [sys.executable, "manage.py", *command],
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
    with psycopg.connect(url, autocommit=True) as server_:
        server_.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server_.execute(f'CREATE DATABASE "{name}" TEMPLATE "{BASE}"')
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
        with psycopg.connect(url, autocommit=True) as server_:
            server_.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def run_size(bench: Bench, url: str, operations: list[Operation] = OPERATIONS) -> dict[str, Any]:
    """Every operation on this database, limit, floor and shop in turns; medians."""
    samples: dict[str, dict[str, list[measuring.Sample]]] = {}
    with ExitStack() as stack:
        webs = {who: stack.enter_context(server(who, url, bench.redis_url)) for who in WHO[1:]}
        data = stack.enter_context(psycopg.connect(url, autocommit=True))
        for operation in operations:
            _one(bench, url, webs, data, operation, 5, {})  # warm
        for turn in range(bench.rounds):
            for operation in operations:
                _one(bench, url, webs, data, operation, bench.requests, samples)
            bench.say(f"  round {turn + 1} of {bench.rounds}")
    return {
        name: {who: asdict(measuring.median(each)) for who, each in found.items()}
        for name, found in samples.items()
    }


def _one(
    bench: Bench,
    url: str,
    webs: dict[str, Running],
    data: psycopg.Connection,
    operation: Operation,
    requests: int,
    samples: dict[str, dict[str, list[measuring.Sample]]],
) -> None:
    for who in WHO:
        if who == "floor" and not operation.has_floor:
            continue
        count = max(measuring.CONNECTIONS, requests // operation.costs)
        if who == "limit":
            count = count * 4 // measuring.CONNECTIONS * measuring.CONNECTIONS
        first = bench.take(count)
        if operation.rows is not None:
            rows.write(data, first, count, **operation.rows)
        for _ in range(2 if operation.repeats else 1):
            sample = _measure(url, webs, operation, who, first, count)
        samples.setdefault(operation.name, {}).setdefault(who, []).append(sample)


def _measure(
    url: str, webs: dict[str, Running], operation: Operation, who: str, first: int, count: int
) -> measuring.Sample:
    try:
        if who == "limit":
            return measuring.pgbench(url, operation.script, first, count)
        requests = [operation.request(n, who) for n in range(first, first + count)]
        return measuring.http(webs[who], requests, operation.expected)
    except measuring.Failed as wrong:
        raise measuring.Failed(f"{operation.title}, {who}: {wrong}") from wrong


def machine() -> str:
    """What it ran on, in a few words."""
    with open("/proc/cpuinfo") as told:
        names = [line.split(":")[1].strip() for line in told if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {names[0] if names else 'unknown processor'}"
