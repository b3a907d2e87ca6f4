"""What is not asked for over HTTP: the sweep's claim, the relay, the push to open pages."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg
import redis

from bench import fanout, rows
from bench.serving import ROOT, Running, environment

ONE_STATEMENT = """
UPDATE payments_payment SET next_poll_at = now() + interval '1 day' WHERE id IN (
    SELECT id FROM payments_payment WHERE next_poll_at <= now()
    ORDER BY next_poll_at FOR UPDATE SKIP LOCKED
) RETURNING id, reference
"""
NOTHING_DUE = """
UPDATE payments_payment SET next_poll_at = now() + interval '1 day'
WHERE next_poll_at < now() + interval '1 hour'
"""
MESSAGES = """
INSERT INTO shop_outboxmessage (topic, subscriber, dedupe_key, order_reference, payload,
    created_at, tries, next_try_at, last_error)
SELECT 'OrderPlaced', 'orders.post.subscribers.tell_placed', 'B' || lpad(n::text, 18, '0'),
    'B' || lpad(n::text, 18, '0'),
    jsonb_build_object('order_reference', 'B' || lpad(n::text, 18, '0')), now(), 0, now(), ''
FROM generate_series(%s::bigint, %s::bigint) n
"""
ALL_TOLD = "UPDATE shop_outboxmessage SET done_at = now() WHERE done_at IS NULL"


def inside(task: str, told: dict[str, Any], who: str, url: str, redis_url: str) -> dict[str, Any]:
    """Run one of `bench.inside`'s tasks under the settings of the shop or the floor."""
    ended = subprocess.run(
        [sys.executable, "-m", "bench.inside", task],
        cwd=ROOT,
        env=environment(who, url, redis_url),
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{task}: {ended.stderr[-800:]}")
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def sweep(
    data: psycopg.Connection, take: Callable[[int], int], count: int, url: str, redis_url: str
) -> dict[str, float]:
    """Payments claimed each second: by the sweep's batches, and by one statement for all."""
    data.execute(NOTHING_DUE)
    due: dict[str, Any] = {"order": "paying", "payment": "open", "due": "-1 minute"}
    rows.write(data, take(count), count, **due)
    began = time.perf_counter()
    claimed = len(data.execute(ONE_STATEMENT).fetchall())
    limit = claimed / (time.perf_counter() - began)
    rows.write(data, take(count), count, **due)
    told = inside("sweep", {}, "shop", url, redis_url)
    if claimed != count or told["done"] != count:
        raise RuntimeError(f"claimed {claimed} and {told['done']} of {count}")
    return {"limit": limit, "shop": told["done"] / told["seconds"]}


def relay(
    data: psycopg.Connection, take: Callable[[int], int], count: int, url: str, redis_url: str
) -> dict[str, float]:
    """Messages delivered each second, each in its own transaction, by one worker."""
    data.execute(ALL_TOLD)
    first = take(count)
    rows.write(data, first, count)
    data.execute(MESSAGES, [first, first + count - 1])
    told = inside("relay", {}, "shop", url, redis_url)
    if told["done"] != count:
        raise RuntimeError(f"{told['done']} of {count} messages were delivered")
    return {"shop": told["done"] / told["seconds"]}


def push(
    data: psycopg.Connection,
    take: Callable[[int], int],
    shop: Running,
    bare: Running,
    url: str,
    redis_url: str,
) -> dict[str, float]:
    """Milliseconds until a hundred open pages have heard of a change."""
    n = take(1)
    rows.write(data, n, 1)
    client: Any = redis.Redis.from_url(redis_url)
    body = json.dumps({"public_id": rows.public_id(n), "state": "unpaid", "version": 1})
    limit = asyncio.run(
        fanout.measure(bare.port, "/", announce=lambda: client.publish(fanout.CHANNEL, body))
    )
    told = {"port": shop.port, "number": rows.order_number(n)}
    return {"limit": limit, "shop": inside("push", told, "shop", url, redis_url)["p50"]}
