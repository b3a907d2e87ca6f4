"""A shop's webhook door that understands nothing: it keeps what came and answers as told."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from payments.gateways import base
from tests.simulator.ear import wait_for


class PostBox:
    """Each delivery as the adapter would get it; `heard` in the order of arrival."""

    def __init__(self, acknowledgement: base.Acknowledgement) -> None:
        self.heard: list[base.RawRequest] = []
        self.acknowledgement = acknowledgement
        #: What is said before that, each once.
        self.answers: list[base.Acknowledgement] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/here/"

    def gets(self, count: int) -> list[base.RawRequest]:
        """Wait for so many deliveries."""
        wait_for(lambda: len(self.heard) >= count)
        return self.heard

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

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                box.heard.append(base.RawRequest("POST", self.path, "", headers, body))
                said = box.answers.pop(0) if box.answers else box.acknowledgement
                self.send_response(said.status)
                if said.body:
                    self.send_header("Content-Type", said.content_type)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

            def log_message(self, *args: object) -> None:
                """Silence."""

        return Handler
