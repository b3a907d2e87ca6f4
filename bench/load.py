"""The load generator: `python -m bench.load`, a process of its own, as cheap as it can be.

One loop over a few kept-alive connections; each sends its next request as soon as it has its
answer. The job comes in by standard input (pickled: port, connections, requests as bytes) and
the answer goes out as JSON: seconds, milliseconds of each request, how often each status came.
"""

from __future__ import annotations

import json
import pickle
import selectors
import socket
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

READ_BYTES = 65536
#: A server that says nothing for so long will not say anything.
SILENCE_SECONDS = 30.0


@dataclass
class Line:
    """One connection and what it waits for."""

    socket: socket.socket
    sent_at: float = 0.0
    heard: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        self.heard.clear()
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def status(self) -> str:
        """The answer's status when it is here in whole, else nothing."""
        head = self.heard.find(b"\r\n\r\n")
        if head < 0:
            return ""
        told = bytes(self.heard[:head]).lower()
        at = told.find(b"content-length:")
        length = int(told[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if b"transfer-encoding: chunked" in told:
            done = self.heard.endswith(b"0\r\n\r\n")
        else:
            done = len(self.heard) >= head + 4 + length
        return told[9:12].decode() if done else ""


def run(port: int, connections: int, requests: list[bytes]) -> dict[str, object]:
    """Send them all, in order, over that many connections."""
    waiting, took, statuses = deque(requests), list[float](), Counter[str]()
    selector = selectors.DefaultSelector()
    lines = [Line(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
    began = time.perf_counter()
    for line in lines:
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(line.socket, selectors.EVENT_READ, line)
        if waiting:
            line.send(waiting.popleft())
    while len(took) < len(requests):
        ready = selector.select(SILENCE_SECONDS)
        if not ready:
            raise TimeoutError("the server fell silent")
        for key, _ in ready:
            line = key.data
            read = line.socket.recv(READ_BYTES)
            if not read:
                raise ConnectionError("the server hung up")
            line.heard += read
            if status := line.status():
                took.append((time.perf_counter() - line.sent_at) * 1000)
                statuses[status] += 1
                if waiting:
                    line.send(waiting.popleft())
                else:
                    # The server hangs up on who says nothing for a while.
                    selector.unregister(line.socket)
    seconds = time.perf_counter() - began
    for line in lines:
        line.socket.close()
    return {"seconds": seconds, "milliseconds": took, "statuses": statuses}


def parsed(request: bytes) -> tuple[dict[str, Any], bytes]:
    """A request as an ASGI scope, and its body: for asking an application without a server."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    method, target, _ = first.split(b" ")
    path, _, query = target.partition(b"?")
    told = [line.partition(b": ")[::2] for line in lines]
    scope: dict[str, Any] = {
        "method": method.decode(),
        "path": path.decode(),
        "query_string": query,
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "headers": [(name.lower(), value) for name, value in told],
    }
    return scope, body


if __name__ == "__main__":
    json.dump(run(*pickle.load(sys.stdin.buffer)), sys.stdout)  # noqa: S301 - our own parent
