"""The wire between the shop and the bank: it remembers what was asked and can hold an answer."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from simulator.sandbox.signing import HEADER, signature
from tests.bank import Bank

#: Nothing is held for longer: a test that forgets to let go fails by itself.
HELD_SECONDS_MAX = 2.5
#: Status, headers, content.
Answer = tuple[int, list[tuple[str, str]], bytes]


class Line:
    """Passes everything on to the bank's port; `asked` lists each request as "GET /path"."""

    def __init__(self, bank_port: int) -> None:
        self.asked: list[str] = []
        self._held: list[tuple[str, threading.Event, threading.Event]] = []
        self._instead: list[tuple[str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(bank_port))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def count(self, start: str) -> int:
        """How many requests began so: "POST /v1/refunds"."""
        return sum(asked.startswith(start) for asked in self.asked)

    @contextmanager
    def holding(self, start: str) -> Iterator[threading.Event]:
        """The bank does what such a request asks, but its answer waits for the block's end.

        The event tells that the bank has answered.
        """
        answered, let_go = threading.Event(), threading.Event()
        self._held.append((start, answered, let_go))
        try:
            yield answered
        finally:
            self._held.clear()
            let_go.set()

    @contextmanager
    def answering(self, start: str, status: int) -> Iterator[None]:
        """Such a request is not carried: it is answered so, under the bank's signature."""
        self._instead.append((start, status))
        try:
            yield
        finally:
            self._instead.clear()

    def _instead_of(self, asked: str) -> Answer | None:
        for start, status in self._instead:
            if asked.startswith(start):
                content = b'{"error":"not_accepted"}'
                sealed = (HEADER, signature(Bank.signing_secret, content))
                return status, [sealed, ("Content-Length", str(len(content)))], content
        return None

    def _pass(self, asked: str) -> None:
        for start, answered, let_go in list(self._held):
            if asked.startswith(start):
                answered.set()
                let_go.wait(HELD_SECONDS_MAX)

    def _handler(self, bank_port: int) -> type[BaseHTTPRequestHandler]:
        line = self

        class Handler(BaseHTTPRequestHandler):
            def _carry(self) -> None:
                asked = f"{self.command} {self.path}"
                line.asked.append(asked)
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                answer = line._instead_of(asked) or self._from_the_bank(body)
                if answer is None:
                    return  # cut as the bank cut it
                line._pass(asked)
                status, headers, content = answer
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def _from_the_bank(self, body: bytes) -> Answer | None:
                bank = http.client.HTTPConnection("127.0.0.1", bank_port, timeout=10)
                try:
                    bank.request(self.command, self.path, body, dict(self.headers))
                    answer = bank.getresponse()
                    return answer.status, answer.getheaders(), answer.read()
                except (OSError, http.client.HTTPException):
                    return None
                finally:
                    bank.close()

            def do_GET(self) -> None:
                self._carry()

            def do_POST(self) -> None:
                self._carry()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
