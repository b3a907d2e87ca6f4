"""A wire before PostgreSQL or Redis that a test can cut, reset, freeze, slow down, or rob.

`with FaultLine(target) as line:` listens on a free loopback port and carries every byte to the
target, a Unix socket or (host, port), until a test says otherwise. It works the same for
processes of a test and for the test's own: both are only told another address.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

Target = str | tuple[str, int]
CHUNK_BYTES = 65_536
#: The frontend's simple query "COMMIT", and the server's word that it was done.
COMMIT_ASKED = b"Q\x00\x00\x00\x0bCOMMIT\x00"
COMMIT_DONE = b"C\x00\x00\x00\x0bCOMMIT\x00"
ANSWERS_WITHIN_SECONDS = 10.0


class FaultLine:
    """`hits` counts what each fault really did: a test of a fault that hit nothing proves nothing.

    The names in `hits`: `cut` (connections refused or ended), `reset` (connections ended),
    `frozen` and `delayed` (pieces held back), `commit` and `answer` (answers lost).
    """

    def __init__(self, target: Target) -> None:
        self.hits: Counter[str] = Counter()
        self.port = 0
        self._target = target
        self._is_cut = False
        self._delay_seconds = 0.0
        self._to_lose, self._losing, self._then_cut = 0, b"", False
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._passing: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    # --- the faults; `heal` ends each of them -----------------------------------------------------

    def cut(self) -> None:
        """End every connection and refuse new ones: the server is gone."""
        self._now(self._cut)

    def reset(self) -> None:
        """End every connection by RST; new ones pass: the server was restarted."""
        self._now(lambda: self._end_all("reset"))

    def freeze(self) -> None:
        """A black hole: what is sent is taken and goes nowhere, new connections get no word."""
        self._now(self._event.clear)

    def delay(self, seconds: float) -> None:
        """Every piece comes so much later, both ways."""
        self._delay_seconds = seconds

    def lose_commits(self, times: int = 1, *, then_cut: bool = False) -> None:
        """The next COMMITs are done by the server, and their answers lost with the connection.

        `then_cut`: the server is gone with the first of them, as in a failover.
        """
        self._now(lambda: self._lose(COMMIT_ASKED, times, then_cut))

    def lose_answers(self, times: int = 1, *, then_cut: bool = False) -> None:
        """The same for whatever is asked next, such as a statement that commits by itself."""
        self._now(lambda: self._lose(b"", times, then_cut))

    def heal(self) -> None:
        """Everything passes; what was frozen goes on its way."""
        self._now(self._heal)

    # --- the address under which the other side is reached ----------------------------------------

    def database_url(self, url: str) -> str:
        """This database URL with the line before its server."""
        parts = urlsplit(url)
        options = {k: v[-1] for k, v in parse_qs(parts.query).items() if k not in ("host", "port")}
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        netloc = f"{user}127.0.0.1:{self.port}"
        return urlunsplit(parts._replace(netloc=netloc, query=urlencode(options)))

    def redis_url(self, url: str) -> str:
        """This Redis URL with the line before its server; only the database's number is kept."""
        parts = urlsplit(url)
        path = "" if parts.scheme == "unix" else parts.path.strip("/")
        number = parse_qs(parts.query).get("db", [path or "0"])[-1]
        return f"redis://127.0.0.1:{self.port}/{number}"

    # --- its life ---------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait_for(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wait_for(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWERS_WITHIN_SECONDS)
        self._loop.close()

    async def _listen(self) -> None:
        self._passing = asyncio.Event()
        self._passing.set()
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        self._heal()
        tasks = [pair.task for pair in self._pairs]
        self._end_all("closed")
        await asyncio.gather(*tasks, return_exceptions=True)

    def _now(self, change: Callable[[], object]) -> None:
        """Make the change on the line's own thread, and return when it is made."""

        async def made() -> None:
            change()

        self._wait_for(made())

    def _wait_for(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(  # type: ignore[arg-type]
            ANSWERS_WITHIN_SECONDS
        )

    # --- on the line's own thread -----------------------------------------------------------------

    @property
    def _event(self) -> asyncio.Event:
        assert self._passing is not None, "use the line inside its `with`"
        return self._passing

    def _cut(self) -> None:
        self._is_cut = True
        self._end_all("cut")

    def _lose(self, asked: bytes, times: int, then_cut: bool) -> None:
        self._losing, self._to_lose, self._then_cut = asked, times, then_cut

    def _heal(self) -> None:
        self._is_cut, self._delay_seconds, self._to_lose = False, 0.0, 0
        self._event.set()

    def _end_all(self, why: str) -> None:
        for pair in list(self._pairs):
            self.hits[why] += 1
            pair.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            self.hits["cut"] += 1
            _abort(writer)
            return
        try:
            server = await self._reach()
        except OSError:
            _abort(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        pair = _Pair(self, (reader, writer), server, task)
        self._pairs.add(pair)
        try:
            await pair.carry()
        finally:
            self._pairs.discard(pair)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(*self._target)

    async def may_pass(self) -> None:
        """Hold a piece back for as long as the line's state says."""
        if self._delay_seconds:
            self.hits["delayed"] += 1
            await asyncio.sleep(self._delay_seconds)
        if not self._event.is_set():
            self.hits["frozen"] += 1
            await self._event.wait()

    def takes_answer(self, asked: bytes) -> bytes | None:
        """The sign of the answer that shall be lost, if this is what is to be lost."""
        if self._to_lose <= 0 or self._losing not in asked:
            return None
        self._to_lose -= 1
        return COMMIT_DONE if self._losing == COMMIT_ASKED else b""

    def lost_answer(self) -> None:
        """The server has done it, and nobody will hear of it."""
        self.hits["commit" if self._losing == COMMIT_ASKED else "answer"] += 1
        if self._then_cut:
            self._cut()


class _Pair:
    """One client and its connection to the server."""

    def __init__(
        self,
        line: FaultLine,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        task: asyncio.Task[None],
    ) -> None:
        self.task = task
        self._line = line
        self._client, self._server = client, server
        self._robbed_of: bytes | None = None

    async def carry(self) -> None:
        both = [self._up(), self._down()]
        with contextlib.suppress(OSError):
            await asyncio.gather(*both)
        self.abort()

    def abort(self) -> None:
        """End both sides at once, by RST where there is one."""
        for _, writer in (self._client, self._server):
            _abort(writer)

    async def _up(self) -> None:
        tail = b""
        while piece := await self._client[0].read(CHUNK_BYTES):
            # A request may come in two pieces: its end is looked for with the last one's tail.
            if self._robbed_of is None:
                self._robbed_of = self._line.takes_answer(tail + piece)
            tail = piece[-len(COMMIT_ASKED) + 1 :]
            await self._pass(piece, self._server[1])
        self.abort()

    async def _down(self) -> None:
        while piece := await self._server[0].read(CHUNK_BYTES):
            if self._robbed_of is not None and self._robbed_of in piece:
                self._line.lost_answer()
                break
            await self._pass(piece, self._client[1])
        self.abort()

    async def _pass(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        await self._line.may_pass()
        writer.write(piece)
        await writer.drain()


def _abort(writer: asyncio.StreamWriter) -> None:
    inner: socket.socket | None = writer.get_extra_info("socket")
    if inner is not None and inner.family == socket.AF_INET and not writer.is_closing():
        with contextlib.suppress(OSError):
            inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
