"""A change on its way to a hundred open pages: Channels consumers against a bare subscription.

Both run behind the same uvicorn. The bare one is this module's `application`: one Redis
subscription for the process, which writes what it hears to its own sockets.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

SOCKETS, TURNS, WARM = 100, 60, 10
CHANNEL = "bench-fanout"
PATIENCE_SECONDS = 10.0

_open: set[Any] = set()
_listening: list[asyncio.Task[None]] = []


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The bare one: no routing, no group, no look at what is true."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    if not _listening:
        _listening.append(asyncio.create_task(_listen()))
    _open.add(send)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    _open.discard(send)


async def _listen() -> None:
    import redis.asyncio

    client: Any = redis.asyncio.from_url(os.environ["REDIS_URL"], socket_timeout=None)
    subscription = client.pubsub()
    await subscription.subscribe(CHANNEL)
    async for message in subscription.listen():
        if message["type"] == "message":
            text = message["data"].decode()
            for send in tuple(_open):
                await send({"type": "websocket.send", "text": text})


class Page(asyncio.Protocol):
    """One open page that only counts what it is told."""

    def __init__(self, heard: Callable[[], None], request: bytes) -> None:
        self.heard, self.request, self.is_open = heard, request, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if not self.is_open and not data.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(data[:80].decode())
        self.is_open = True
        self.heard()


async def measure(
    port: int,
    path: str,
    *,
    announce: Callable[[], object],
    change: Callable[[], object] = lambda: None,
) -> float:
    """Milliseconds from the announcement of a change until the last page has heard of it."""
    heard, all_heard = 0, asyncio.Event()

    def one_more() -> None:
        nonlocal heard
        heard += 1
        if heard >= SOCKETS:
            all_heard.set()

    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1:{port}\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
    loop, took = asyncio.get_running_loop(), list[float]()
    pages = [
        await loop.create_connection(lambda: Page(one_more, request), "127.0.0.1", port)
        for _ in range(SOCKETS)
    ]
    await asyncio.wait_for(all_heard.wait(), PATIENCE_SECONDS)
    await asyncio.sleep(1)  # each page's first words come after its welcome
    for _ in range(TURNS):
        await loop.run_in_executor(None, change)
        heard = 0
        all_heard.clear()
        began = time.perf_counter()
        await loop.run_in_executor(None, announce)
        await asyncio.wait_for(all_heard.wait(), PATIENCE_SECONDS)
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.01)
    for transport, _ in pages:
        transport.close()
    return statistics.median(took[WARM:])
