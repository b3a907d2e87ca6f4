"""The bridge from ASGI to WSGI: a whole answer in one step, a long one part by part."""

import asyncio
import threading

import pytest

from shop.in_threads import InThreads, environ_of

SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/größe/",
    "query_string": b"a=1",
    "http_version": "1.1",
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.9", 1234),
    "headers": [
        (b"host", b"shop.example"),
        (b"content-type", b"application/json"),
        (b"content-length", b"2"),
        (b"cookie", b"a=1"),
        (b"x-twice", b"one"),
        (b"x-twice", b"two"),
    ],
}


class Parts:
    """A streamed answer that remembers which threads made it and that it was closed."""

    def __init__(self, *parts):
        self.parts, self.threads, self.closed = list(parts), set(), False

    def __iter__(self):
        for part in self.parts:
            self.threads.add(threading.current_thread().name)
            yield part

    def close(self):
        self.threads.add(threading.current_thread().name)
        self.closed = True


def answer_of(application, body=b"{}"):
    """Every message that goes to the server."""
    sent = []

    async def send(message):
        await asyncio.sleep(0)
        sent.append(message)

    asyncio.run(InThreads(application, threads=2)(SCOPE, body, send))
    return sent


def test_the_request_is_spelled_as_wsgi_wants_it():
    environ = environ_of(SCOPE, b"{}")
    assert environ["PATH_INFO"].encode("latin1").decode() == "/größe/"
    assert environ["CONTENT_TYPE"] == "application/json"
    assert environ["CONTENT_LENGTH"] == "2"
    assert environ["HTTP_HOST"] == "shop.example"
    assert environ["HTTP_X_TWICE"] == "one,two"
    assert environ["REMOTE_ADDR"] == "127.0.0.9"
    assert environ["wsgi.input"].read() == b"{}"


@pytest.mark.parametrize("parts", [(), (b"",), (b"whole",)])
def test_a_whole_answer_is_two_messages(parts):
    made = Parts(*parts)

    def application(environ, start_response):
        start_response("201 Created", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1")])
        return made

    start, body = answer_of(application)
    assert (start["status"], start["headers"]) == (
        201,
        [(b"content-type", b"text/plain"), (b"set-cookie", b"a=1")],
    )
    assert (body["body"], body["more_body"]) == (b"".join(parts), False)
    assert made.closed


def test_a_long_answer_goes_out_part_by_part_from_one_thread():
    made = Parts(b"one", b"two", b"three")

    def application(environ, start_response):
        start_response("200 OK", [])
        return made

    messages = answer_of(application)
    assert [m.get("body") for m in messages] == [None, b"one", b"two", b"three", b""]
    assert [m["more_body"] for m in messages[1:]] == [True, True, True, False]
    assert made.closed
    assert len(made.threads) == 1


def test_an_application_that_fails_while_it_streams_ends_the_answer_and_is_closed():
    closed = []

    class Broken(Parts):
        def __iter__(self):
            yield b"one"
            yield b"two"
            raise RuntimeError("the rest is lost")

        def close(self):
            closed.append(True)

    def application(environ, start_response):
        start_response("200 OK", [])
        return Broken()

    with pytest.raises(RuntimeError, match="the rest is lost"):
        answer_of(application)
    assert closed == [True]
