"""A shop's webhook door for any gateway: keeps what comes as the adapters read it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from payments.gateways.base import Acknowledgement, RawRequest
from tests.simulator.ear import wait_for


class Listener:
    """Answers with `answers` first, then with the acknowledgement for ever."""

    def __init__(self, acknowledgement: Acknowledgement, path: str) -> None:
        self.heard: list[RawRequest] = []
        self.answers: list[int] = []
        self._acknowledgement = acknowledgement
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}{path}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def hears(self, count: int) -> list[RawRequest]:
        wait_for(lambda: len(self.heard) >= count)
        return list(self.heard)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                listener.heard.append(RawRequest("POST", self.path, "", headers, body))
                said = listener._acknowledgement
                self.send_response(listener.answers.pop(0) if listener.answers else said.status)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

            def log_message(self, *args: object) -> None:
                """Silence: the tests look at what was heard."""

        return Handler
