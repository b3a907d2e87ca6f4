"""A shop's webhook door for tests of the bank: hears notifications and answers as told."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Heard:
    """One notification as it came over the wire."""

    signature: str
    body: bytes
    event: dict[str, Any] = field(default_factory=dict)

    def is_signed_with(self, secret: str) -> bool:
        moment, digest = self.signature.removeprefix("t=").split(",v1=")
        signed = f"{moment}.".encode() + self.body
        return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() == digest


class Ear:
    """Listens on a port of its own; `answers` are the next statuses, then 200 for ever."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.paths: list[str] = []
        self.answers: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/sandbox/"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def types(self) -> list[str]:
        return [heard.event["type"] for heard in self.heard]

    def hears(self, count: int, within_seconds: float = 5) -> list[Heard]:
        """Wait for so many notifications."""
        wait_for(lambda: len(self.heard) >= count, within_seconds)
        return self.heard

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["Sandbox-Signature"]
                ear.paths.append(self.path)
                ear.heard.append(Heard(signature, body, json.loads(body)))
                self.send_response(ear.answers.pop(0) if ear.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Silence: the tests look at what was heard."""

        return Handler


def wait_for(is_so: Callable[[], bool], within_seconds: float = 5) -> None:
    """Fails when it has not become so in time."""
    deadline = time.monotonic() + within_seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.01)
