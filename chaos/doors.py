"""The shop's and the bank's public doors, as an honest and patient client uses them.

Every write carries a key and is repeated with the same key until it is answered: connections
break, servers die and databases restart, and a shopper presses "again".
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

#: Longer than anything the shop promises; whoever waits longer has left.
GIVES_UP_SECONDS = 25.0
ANSWERS_WITHIN_SECONDS = 12.0
PAUSE_SECONDS = 0.25
#: Asked again: the first request with this key is still under way, or the shop was not there.
AGAIN = {429, 500, 502, 503, 504}
IN_FLIGHT = "urn:payonce:problem:idempotency-key-in-flight"


class GaveUp(Exception):
    """No answer for so long that a person would have left."""


@dataclass
class Answer:
    """The last answer to a request."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Door:
    """One visitor's way to a server; remembers what each request cost."""

    client: httpx.AsyncClient
    #: (what, began, milliseconds, status); status 0: no answer.
    asked: list[tuple[str, float, int, int]] = field(default_factory=list)

    async def ask(
        self, what: str, method: str, path: str, body: Any = None, **headers: str
    ) -> Answer:
        """Ask until answered. Raises GaveUp."""
        deadline = time.monotonic() + GIVES_UP_SECONDS
        while time.monotonic() < deadline:
            answer = await self.once(what, method, path, body, **headers)
            if answer is None:
                await asyncio.sleep(PAUSE_SECONDS)
            elif answer.status in AGAIN or _in_flight(answer):
                wait = float(answer.headers.get("retry-after", PAUSE_SECONDS))
                await asyncio.sleep(min(wait, 1.0))
            else:
                return answer
        raise GaveUp(what)

    async def once(
        self, what: str, method: str, path: str, body: Any = None, **headers: str
    ) -> Answer | None:
        """Ask once; None when the connection broke or nothing came in time."""
        began, at = time.monotonic(), time.time()
        status = 0
        try:
            response = await self.client.request(method, path, json=body, headers=headers)
            status = response.status_code
        except httpx.TransportError:
            return None
        finally:
            self.asked.append((what, at, round((time.monotonic() - began) * 1000), status))
        told = response.json() if "json" in response.headers.get("content-type", "") else None
        return Answer(status, told, dict(response.headers))


def _in_flight(answer: Answer) -> bool:
    return (
        answer.status == 409
        and isinstance(answer.body, dict)
        and answer.body.get("type") == IN_FLIGHT
    )


def client(base_url: str, connections: int) -> httpx.AsyncClient:
    """Connections that visitors share, as a browser's are reused."""
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=ANSWERS_WITHIN_SECONDS,
        trust_env=False,
        # Shorter than the server's own patience: none is cut under a request.
        limits=httpx.Limits(max_connections=connections, keepalive_expiry=3),
    )
