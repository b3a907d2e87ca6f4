"""Bytes that no client library sends, to the real server: it refuses them and lives on."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.security.production import real_server
from tests.stack import Stack

pytestmark = pytest.mark.django_db  # the server's own database is this test's

ANSWERS_WITHIN_SECONDS = 10

BODY = b"Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n{"
HOST = b"\r\nHost: 127.0.0.1\r\n"
SMUGGLED = (
    b"POST /api/v1/orders/ HTTP/1.1" + HOST + b"Content-Type: application/json\r\n"
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\nGET /metrics HTTP/1.1" + HOST + b"\r\n"
)
RAW = {
    "five thousand digits": b"GET /orders/" + b"9" * 5000 + b"/ HTTP/1.1" + HOST + b"\r\n",
    "a hundred kilobytes of path": b"GET /" + b"9" * 100_000 + b" HTTP/1.1" + HOST + b"\r\n",
    "a megabyte of headers": b"GET / HTTP/1.1" + HOST + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "ten thousand headers": b"GET / HTTP/1.1" + HOST + b"" + b"X: x\r\n" * 10_000 + b"\r\n",
    "a NUL in a header": b"GET /admin/ HTTP/1.1" + HOST + b"Authorization: Token a\0b\r\n\r\n",
    "a NUL in the path": b"GET /orders/\0/ HTTP/1.1" + HOST + b"\r\n",
    "bytes in the query": b"GET /orders/?a=\xff\xfe HTTP/1.1" + HOST + b"\r\n",
    "bytes in the path": b"GET /orders/\xff\xfe/ HTTP/1.1" + HOST + b"\r\n",
    "another host": b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1" + HOST + b"Host: evil.example\r\n\r\n",
    "a host in the first line": b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "two lengths": b"POST /currency/ HTTP/1.1"
    + HOST
    + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length below zero": b"POST /currency/ HTTP/1.1" + HOST + b"Content-Length: -1\r\n\r\n",
    "a hundred megabytes": b"POST /basket/add/ HTTP/1.1"
    + HOST
    + b"Content-Length: 100000000\r\n\r\n"
    + b"x" * 1000,
    "length and chunks": SMUGGLED,
    "broken chunks": b"POST /currency/ HTTP/1.1"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "trace": b"TRACE / HTTP/1.1" + HOST + b"Cookie: secret=canary\r\n\r\n",
    "connect": b"CONNECT evil.example:443 HTTP/1.1" + HOST + b"\r\n",
}


@pytest.fixture(scope="module")
def real_shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stack]:
    """One server for all of this file."""
    with django_db_blocker.unblock(), real_server() as shop:
        yield shop


def tell(shop: Stack, raw: bytes) -> bytes:
    """Send the bytes and take what comes until the server hangs up, or is silent."""
    with socket.create_connection(("127.0.0.1", shop.port), timeout=ANSWERS_WITHIN_SECONDS) as line:
        answer = b""
        try:
            line.sendall(raw)
            line.settimeout(1.0)
            while part := line.recv(65_536):
                answer += part
                line.settimeout(0.3)
        except (TimeoutError, ConnectionError):
            pass  # it kept the line open for more, or had heard enough
        return answer


@pytest.mark.parametrize("name", RAW)
def test_odd_bytes_are_refused_and_the_next_shopper_is_served(real_shop, name):
    answer = tell(real_shop, RAW[name])
    if answer:
        status = int(answer.split(b" ", 2)[1])
        assert 400 <= status < 500, answer[:300]
    for word in (b"Traceback", b"canary", b"evil.example", b"python_info"):
        assert word not in answer
    assert real_shop.client.get("/").status_code == 200


@pytest.mark.parametrize(
    "sent",
    [b"POST /webhooks/sandbox/ HTTP/1.1" + HOST, b"POST /webhooks/sandbox/ HTTP/1.1" + HOST + BODY],
    ids=["headers", "bodies"],
)
def test_slow_senders_hold_up_nobody(real_shop, sent):
    slow = []
    for _ in range(60):
        line = socket.create_connection(("127.0.0.1", real_shop.port), timeout=5)
        line.sendall(sent)
        slow.append(line)
    began = time.monotonic()
    assert real_shop.client.get("/").status_code == 200
    assert time.monotonic() - began < 8  # the slow ones are cut off after ten
    for line in slow:
        line.close()


def test_a_body_in_chunks_is_a_body(real_shop):
    def chunks() -> Iterator[bytes]:
        yield b'{"email": "ada@example.com", '
        yield b'"lines": []}'

    headers = {"Content-Type": "application/json", "Idempotency-Key": "k" * 20}
    answer = real_shop.client.post("/api/v1/orders/", content=chunks(), headers=headers)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["lines"])


def test_chunks_without_end_are_cut_off(real_shop):
    answer = real_shop.client.post(
        "/webhooks/sandbox/", content=(b"x" * 65_536 for _ in range(100))
    )
    assert answer.status_code == 400


def test_a_header_with_an_underscore_does_not_pass_for_another(real_shop):
    headers = {"Idempotency_Key": "k" * 20, "Content-Type": "application/json"}
    answer = real_shop.client.post("/api/v1/orders/", content=b"{}", headers=headers)
    assert answer.json()["type"].endswith("idempotency-key-missing")
