"""Who answers where a gateway should: over TLS that shows nobody we know, or in plain noise."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.security.puppet import Puppet
from tests.security.test_gateway_tls import Authority

#: What anybody on the way could say.
ANSWERS = {
    "429": b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n",
    "500": b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    "503": b"HTTP/1.1 503 Later\r\nContent-Length: 2\r\n\r\n{}",
    "302": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    "unsigned": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
    "noise": b"not HTTP at all\r\n\r\n",
}


@contextmanager
def over_tls(folder: Path) -> Iterator[tuple[str, Puppet]]:
    """A server whose certificate no public authority signed: its address, and what it heard."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Authority().certify(folder))
    with Puppet() as puppet:
        puppet.server.socket = context.wrap_socket(puppet.server.socket, server_side=True)
        yield f"https://127.0.0.1:{puppet.port}", puppet


def another_key() -> str:
    """The public half of a key that nobody here knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
