"""Look whether a port is free before anything is started, and whether a service answers."""

import socket
import urllib.error
import urllib.request

from shop.embedded import EmbeddedError

LOOPBACK = "127.0.0.1"


def check_free(variable: str, port: int) -> None:
    """Raise EmbeddedError with a way out when another program has the port."""
    with socket.socket() as probe:
        # As the web server itself does: a port that was just left counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            raise EmbeddedError(
                f"Only root may use port {port}. Choose one from 1024 on: {variable}=8010 make demo"
            ) from None
        except OSError:
            raise EmbeddedError(
                f"Port {port} is taken by another program. Stop that, "
                f"or choose another port: {variable}={port + 10} make demo"
            ) from None


def read(variable: str, text: str) -> int:
    """The port number in this text; raises EmbeddedError when it is none."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise EmbeddedError(f"{variable} must be a port number from 1 to 65535, not {text!r}.")
    return int(text)


def answers(url: str) -> bool:
    """Whether a GET on this loopback address is answered with success within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http address  # nosec B310
            return bool(200 <= answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False
