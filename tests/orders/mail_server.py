"""A mail server on this machine that can be away, refuse, and hang up in the middle."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer:
    """Speaks as much SMTP as a sender needs; `answers` replaces the answer to a command."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.hangs_up_after_data = False
        self.taken: list[EmailMessage] = []
        self.receivers: list[str] = []
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._conversation())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def _conversation(self) -> type[socketserver.StreamRequestHandler]:
        server = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 here")
                for line in self.rfile:
                    verb = line[:4].strip().upper().decode()
                    if verb == "RCPT":
                        server.receivers.append(line.split(b"<")[1].split(b">")[0].decode())
                    self.say(server.answers.get(verb, "354 go on" if verb == "DATA" else "250 ok"))
                    if verb == "DATA" and verb not in server.answers and not self.take():
                        return
                    if verb == "QUIT":
                        return

            def take(self) -> bool:
                lines = iter(self.rfile.readline, b".\r\n")
                content = b"".join(line.removeprefix(b".") for line in lines)
                message = message_from_bytes(content, policy=policy.default)
                server.taken.append(message)
                if server.hangs_up_after_data:
                    return False
                self.say("250 taken")
                return True

            def say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

        return Conversation

    @contextmanager
    def running(self) -> Iterator[MailServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield self
        self._server.shutdown()
        self._server.server_close()
        thread.join(5)
