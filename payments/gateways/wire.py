"""HTTP to a gateway: one bounded try. Whatever cannot be trusted to be an answer is `Unknown`."""

from __future__ import annotations

import json
import os
import ssl
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

import httpx

from payments.gateways.base import Unknown

# A page of a statement is some 300 KB; nothing that a gateway says is larger.
BODY_BYTES_MAX = 1024 * 1024
# Ids and references fit into their columns; a longer one was never promised.
TEXT_MAX = 64
# PostgreSQL's bigint.
WHOLE_MAX = 2**63 - 1
# "Later", "too early", "too often": none says whether the request took effect.
UNDECIDED = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Answer:
    """A whole answer, 2xx or a decided 4xx; header names are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """One client for one gateway: no retries, no redirects, no proxy from the environment.

    A call lasts at most `connect_seconds` + 2 * `read_seconds` (a body that drips), and
    usually at most `connect_seconds` + `read_seconds`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connect_seconds: float,
        read_seconds: float,
        trusted: ssl.SSLContext | None = None,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        """`trusted` says whose certificates are believed; None: the public authorities'."""
        self._body_bytes_max = body_bytes_max
        self._base_url = base_url
        self._trusted = trusted
        self._read_seconds = read_seconds
        self._timeout = httpx.Timeout(read_seconds, connect=connect_seconds, pool=connect_seconds)
        self._clients: dict[int, httpx.Client] = {}
        weakref.finalize(self, _close_all, self._clients)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: object = None
    ) -> Answer:
        """Send once. Bytes go as they are, for who signs them; all else as JSON. Raises Unknown."""
        # Unpacked by nobody: signatures are over the bytes on the wire, and a bomb stays small.
        headers = {"Accept-Encoding": "identity", **headers}
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        request = self._client().build_request(method, path, headers=headers, **sent)
        try:
            answer = self._read(request)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as problem:
            raise Unknown(f"{type(problem).__name__}: {method} {path}") from problem
        if answer.status // 100 not in (2, 4) or answer.status in UNDECIDED:
            raise Unknown(f"HTTP {answer.status}")
        return answer

    def _read(self, request: httpx.Request) -> Answer:
        response = self._client().send(request, stream=True)
        try:
            deadline = time.monotonic() + self._read_seconds
            body = b""
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > self._body_bytes_max:
                    raise Unknown("the answer is too large")
                if time.monotonic() > deadline:
                    raise Unknown("the answer drips")
        finally:
            response.close()
        return Answer(response.status_code, response.headers, body)

    def _client(self) -> httpx.Client:
        # Per process: a connection shared over a fork would mix up two requests' answers.
        client = self._clients.get(os.getpid())
        if client is None:
            client = self._clients.setdefault(os.getpid(), self._new_client())
        return client

    def _new_client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self._base_url,
            timeout=self._timeout,
            trust_env=False,
            verify=True if self._trusted is None else self._trusted,
        )


def _close_all(clients: Mapping[int, httpx.Client]) -> None:
    for client in clients.values():
        client.close()


def parse_json(body: bytes) -> dict[str, Any]:
    """A JSON object, or ValueError: also for NaN, other encodings and bombs of depth."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


@contextmanager
def reading() -> Iterator[None]:
    """An answer that has not the promised shape is no answer: Unknown."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as problem:
        raise Unknown(f"the answer has not the promised shape: {problem!r:.100}") from problem


def text(value: object) -> str:
    """A string that a database can keep, or ValueError."""
    if not isinstance(value, str):
        raise ValueError("not a string")
    if len(value) > TEXT_MAX or "\0" in value:
        raise ValueError("no text that can be kept")
    value.encode()  # half of a surrogate pair is a ValueError
    return value


def whole(value: object) -> int:
    """An integer (no bool, no float) that a database can keep, or ValueError."""
    if type(value) is not int or abs(value) > WHOLE_MAX:
        raise ValueError("not an integer that can be kept")
    return value


def moment(value: object) -> datetime:
    """A time with its zone, or ValueError."""
    parsed = datetime.fromisoformat(text(value))
    if parsed.tzinfo is None:
        raise ValueError("a time without a zone")
    try:
        return parsed.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time outside of the calendar") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
