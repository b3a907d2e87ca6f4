"""A request is taken in whole before a thread works on it.

Threads wait for nobody's slow line: forty slow senders would be all that the shop serves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from shop.logs import get_logger

log = get_logger("security")

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, bytes, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: What may stand in a query as it came; the rest is written as %xx.
ASCII = "".join(chr(code) for code in range(0x21, 0x7F))


class WholeRequests:
    """ASGI in front of `InThreads`; `bytes_max` and `seconds` bound every body."""

    def __init__(self, application: Application, *, bytes_max: int, seconds: float) -> None:
        self._application = application
        self._bytes_max = bytes_max
        self._seconds = seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._body(scope["headers"], receive)
        except TimeoutError:
            log.warning("request.refused", status=408, problem="too-slow", method=scope["method"])
            await _refuse(send)
            return
        if body is None:
            return  # the sender hung up
        scope = {
            **scope,
            "headers": _headers(scope["headers"], len(body)),
            "query_string": quote(scope["query_string"], safe=ASCII).encode(),
        }
        await self._application(scope, body, send)

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        told = dict(headers)
        length = told.get(b"content-length", b"0")
        if b"transfer-encoding" not in told and (length == b"0" or self._is_too_long(length)):
            return b""
        body, more = bytearray(), True
        # One byte too many is enough for Django to refuse it.
        while more and len(body) <= self._bytes_max:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return bytes(body)

    def _is_too_long(self, length: bytes) -> bool:
        # Not read at all: Django refuses it by what it says of itself.
        return not length.isdigit() or int(length) > self._bytes_max


def _headers(headers: Headers, length: int) -> Headers:
    """A body that came in chunks has a length now; `X_Name` must not pass for `X-Name`."""
    kept = [pair for pair in headers if b"_" not in pair[0] and pair[0] != b"transfer-encoding"]
    if len(kept) < len(headers) and b"content-length" not in dict(kept):
        kept.append((b"content-length", str(length).encode()))
    return kept


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-length", b"0"),
        (b"connection", b"close"),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"frame-ancestors 'none'"),
    ]
    await send({"type": "http.response.start", "status": 408, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
