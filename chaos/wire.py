"""The wire between the shop and its database, with faults of our own: `python -m chaos.wire PORT`.

A TCP listener on the loopback that carries bytes to a server's Unix socket. Told by JSON lines
on its standard input; tells {"did": …} for each granted wish and {"lost": "commit"}:

    {"do": "target", "path": "/run/…/.s.PGSQL.5432"}   where new connections go; "" refuses them
    {"do": "cut"}                       every open connection is reset
    {"do": "hole", "seconds": 5}        nothing passes either way, then everything goes on
    {"do": "lose_commit"}               the next COMMIT is done, its answer is lost
"""

import asyncio
import json
import sys
from typing import Any

import uvloop

COMMIT_SENT = b"COMMIT"
#: PostgreSQL's CommandComplete of a commit.
COMMIT_DONE = b"COMMIT\x00"


class Wire:
    """Every open link, and how the weather is."""

    def __init__(self) -> None:
        self.links: set[Link] = set()
        self.target = ""
        self.commits_to_lose = 0
        self.is_passing = asyncio.Event()
        self.is_passing.set()

    def do(self, wish: dict[str, Any]) -> None:
        """Grant one wish."""
        match wish["do"]:
            case "target":
                self.target = wish["path"]
            case "cut":
                for link in list(self.links):
                    link.end()
            case "hole":
                self._open_hole()
                asyncio.get_running_loop().call_later(wish["seconds"], self._close_hole)
            case "lose_commit":
                self.commits_to_lose += 1
        say({"did": wish["do"]})

    def _open_hole(self) -> None:
        self.is_passing.clear()
        for link in list(self.links):
            link.pause()

    def _close_hole(self) -> None:
        self.is_passing.set()
        for link in list(self.links):
            link.resume()


class Link:
    """One connection of the shop's and its twin to the server."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.near: asyncio.Transport | None = None
        self.far: asyncio.Transport | None = None
        self.waiting: list[bytes] = []
        self.loses_commit = False

    async def connect(self) -> None:
        """Reach for the server; without one the shop's connection is reset."""
        await self.wire.is_passing.wait()
        try:
            loop = asyncio.get_running_loop()
            await loop.create_unix_connection(lambda: Far(self), self.wire.target or "/nowhere")
        except OSError:
            self.end()

    def to_server(self, data: bytes) -> None:
        """From the shop."""
        if self.wire.commits_to_lose and COMMIT_SENT in data:
            self.wire.commits_to_lose -= 1
            self.loses_commit = True
        if self.far is None:
            self.waiting.append(data)
        else:
            self.far.write(data)

    def to_shop(self, data: bytes) -> None:
        """From the server."""
        if self.loses_commit and COMMIT_DONE in data:
            say({"lost": "commit"})
            self.end()
        elif self.near is not None:
            self.near.write(data)

    def pause(self) -> None:
        """Read nothing from either side: what was sent waits in the system's buffers."""
        for side in (self.near, self.far):
            if side is not None and side.is_reading():
                side.pause_reading()

    def resume(self) -> None:
        """Read again."""
        for side in (self.near, self.far):
            if side is not None and not side.is_closing() and not side.is_reading():
                side.resume_reading()

    def end(self) -> None:
        """Reset both sides; repeating does nothing."""
        self.wire.links.discard(self)
        for side in (self.near, self.far):
            if side is not None:
                side.abort()


class Near(asyncio.Protocol):
    """The shop's side of a link."""

    def __init__(self, wire: Wire) -> None:
        self.link = Link(wire)
        self.reaching: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self.link.near = transport
        self.link.wire.links.add(self.link)
        if not self.link.wire.is_passing.is_set():
            self.link.pause()
        self.reaching = asyncio.get_running_loop().create_task(self.link.connect())

    def data_received(self, data: bytes) -> None:
        self.link.to_server(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.link.end()


class Far(asyncio.Protocol):
    """The server's side of a link."""

    def __init__(self, link: Link) -> None:
        self.link = link

    def connection_made(self, transport: Any) -> None:
        self.link.far = transport
        if self.link not in self.link.wire.links:
            transport.abort()  # the shop left meanwhile
            return
        for data in self.link.waiting:
            transport.write(data)
        self.link.waiting.clear()
        if not self.link.wire.is_passing.is_set():
            self.link.pause()

    def data_received(self, data: bytes) -> None:
        self.link.to_shop(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.link.end()


def say(what: dict[str, Any]) -> None:
    """Tell whoever started us."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def carry(port: int) -> None:
    """Listen until the standard input ends."""
    wire = Wire()
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Near(wire), "127.0.0.1", port)
    wishes = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(wishes), sys.stdin)
    say({"ready": port})
    while line := await wishes.readline():
        wire.do(json.loads(line))


if __name__ == "__main__":
    uvloop.run(carry(int(sys.argv[1])))
