"""`python -m simulator --port 8001 --data DIR`: run the bank until it is told to stop."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator.app import build
from simulator.settings import read


class CuttableProtocol(HttpToolsProtocol):
    """HTTP whose connection a door can cut, as a network does: `scope["cut"]()`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["cut"] = self.transport.abort  # type: ignore[typeddict-unknown-key]


def main(arguments: Sequence[str]) -> None:
    """Blocks; SIGTERM and SIGINT end it."""
    settings = read(arguments)
    sys.stdout.write(f"bank: {settings.public_url} (simulated; no real money)\n")
    sys.stdout.flush()
    uvicorn.run(
        build(settings),
        host=settings.host,
        port=settings.port,
        http=CuttableProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        # Longer than any client keeps an idle connection: none is cut under a request.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
