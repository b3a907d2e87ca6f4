"""What the doors of every protocol share: read, misbehave as the knobs say, work, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from simulator.books import Books

BODY_BYTES_MAX = 64 * 1024

Answer = TypeVar("Answer")


class Doors(Generic[Answer]):
    """One protocol's way of answering; a subclass has its doors and says how they speak.

    `Answer` is what the work behind a door gives, before it is signed and put into bytes.
    """

    def __init__(self, books: Books) -> None:
        self.books = books
        self._later: set[asyncio.Task[None]] = set()

    def broken(self) -> Answer:
        """What this protocol says when it fails inside: its HTTP 500 or its word for it."""
        raise NotImplementedError

    def sealed(self, operation: str, answer: Answer) -> Response:
        """The answer as it goes out, signed now; here strike the knobs that spoil answers."""
        raise NotImplementedError

    async def call(
        self, request: Request, operation: str, work: Callable[[bytes | None], Answer]
    ) -> Response:
        """Misbehave as the knobs say, do the work in one change of the books, seal the answer.

        `work` gets the body, or None when it is too large, and answers refusals itself.
        """
        faults = self.books.faults
        raw = await read(request)
        await asyncio.sleep(faults.delay_seconds(operation))
        if self.strikes("error_before", operation):
            return self.sealed(operation, self.broken())
        if self.strikes("late_request", operation):
            self._do_later(faults.late_request_seconds(), lambda: self._do(work, raw))
            return await cut(request)
        answer = self._do(work, raw)
        if self.strikes("lose_answer", operation):
            return await cut(request)
        if self.strikes("error_after", operation):
            return self.sealed(operation, self.broken())
        return self.sealed(operation, answer)

    def strikes(self, knob: str, operation: str) -> bool:
        return self.books.faults.strikes(knob, operation)

    def _do(self, work: Callable[[bytes | None], Answer], raw: bytes | None) -> Answer:
        # A refusal commits too: "closed before it was seen" is remembered by a 404.
        with self.books.change():
            return work(raw)

    def _do_later(self, seconds: float, act: Callable[[], object]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            act()

        task = asyncio.create_task(wait())
        self._later.add(task)
        task.add_done_callback(self._later.discard)


async def read(request: Request) -> bytes | None:
    """The body, or None when it is larger than anything a merchant has to say."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return body


async def cut(request: Request) -> Response:
    """Drop the connection; what is returned goes nowhere."""
    request.scope["cut"]()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()
