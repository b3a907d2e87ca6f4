"""HTTP in threads: each request runs the WSGI application in one thread from end to end.

A whole answer goes back to the event loop in one step. General bridges hand over each part of
it and wait each time, which costs more than most of our requests do.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Any], Any]  # WSGI's, whose answer is an iterable of bytes
Head = tuple[str, list[tuple[str, str]]]


class InThreads:
    """An ASGI application for requests whose body is here in whole; `threads` at once."""

    def __init__(self, application: Application, *, threads: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="http")

    async def __call__(self, scope: Message, body: bytes, send: Send) -> None:
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()

        def send_now(message: Message) -> None:
            # A streamed answer waits for its reader: the next part is made when this one went.
            asyncio.run_coroutine_threadsafe(send(message), loop).result()  # type: ignore[arg-type]

        last = await loop.run_in_executor(
            self._threads, context.run, self._work, scope, body, send_now
        )
        for message in last:
            await send(message)

    def _work(
        self, scope: Message, body: bytes, send_now: Callable[[Message], None]
    ) -> list[Message]:
        """Run the request; the messages that are left to send."""
        heads: list[Head] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            heads[:] = [(status, headers)]

        answer = self._application(environ_of(scope, body), start_response)
        try:
            parts = iter(answer)
            first, second = next(parts, b""), next(parts, None)
            start = _start(*heads[-1])
            if second is None:
                return [start, _body(first)]
            send_now(start)
            for part in _together(first, second, parts):
                send_now(_body(part, more=True))
            return [_body(b"")]
        finally:
            # Django's own end of a request: connections go back to their pool.
            getattr(answer, "close", lambda: None)()


def _together(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest


def _start(status: str, headers: list[tuple[str, str]]) -> Message:
    lines = [
        (name.strip().lower().encode("latin1"), value.strip().encode("latin1"))
        for name, value in headers
    ]
    return {"type": "http.response.start", "status": int(status[:3]), "headers": lines}


def _body(part: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": more}


def environ_of(scope: Message, body: bytes) -> dict[str, Any]:
    """The request as WSGI spells it (PEP 3333)."""
    server, port = scope.get("server") or ("localhost", 80)
    client, client_port = scope.get("client") or ("", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin1"),
        "QUERY_STRING": scope["query_string"].decode("ascii"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server,
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": client,
        "REMOTE_PORT": str(client_port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        key, text = _names(name), value.decode("latin1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def _names(header: bytes) -> str:
    name = header.decode("latin1").upper().replace("-", "_")
    return name if name in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{name}"
