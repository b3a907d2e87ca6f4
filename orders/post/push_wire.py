"""One encrypted call to a push service (RFC 8030, 8188, 8291, 8292).

`pywebpush` encrypts and `py_vapid` signs; the call itself is made here, by the standard
library, because it must follow no redirect, heed no proxy and end in time.
"""

from __future__ import annotations

import http.client
import ssl
import time
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from orders.post.carriers import CarrierDown, NotNow, NotThere

#: How long the service keeps it for a browser that is away.
TTL_SECONDS = 24 * 3600
#: How long our signature is good for.
SIGNED_SECONDS = 12 * 3600
GONE = (404, 410)


def post(*, endpoint: str, p256dh: str, auth: str, content: bytes) -> int:
    """Encrypt and send; the service's status, which is 2xx or "gone" (404, 410).

    Raises CarrierDown, NotNow, NotThere.
    """
    body = _encrypted(endpoint, p256dh, auth, content)
    origin, path = _split(endpoint)
    headers = _signature(origin) | {
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(TTL_SECONDS),
        "Urgency": "high",
    }
    try:
        status = _call(origin, path, body, headers)
    except (OSError, http.client.HTTPException) as trouble:
        # Another browser's service may well answer: only this one waits.
        raise NotNow(type(trouble).__name__) from None
    if 200 <= status < 300 or status in GONE:
        return status
    if status in (401, 403):
        raise CarrierDown(f"push service does not accept our key: {status}")
    if status == 429 or status >= 500:
        raise NotNow(f"push service said {status}")
    raise NotThere(f"push service refused: {status}")


def _split(endpoint: str) -> tuple[str, str]:
    parts = urlsplit(endpoint)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path or '/'}{query}"


def _call(origin: str, path: str, body: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(origin)
    seconds = settings.PUSH_SECONDS
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=seconds, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _encrypted(endpoint: str, p256dh: str, auth: str, content: bytes) -> bytes:
    # The package is an extra: without keys nobody needs it.
    from pywebpush import WebPusher

    keys = {"p256dh": p256dh, "auth": auth}
    try:
        encoded = WebPusher({"endpoint": endpoint, "keys": keys}).encode(content)
    except ValueError:
        raise NotThere("the browser's key is none") from None
    body: bytes = encoded["body"]
    return body


def _signature(origin: str) -> dict[str, str]:
    from py_vapid import Vapid

    claims = {
        "aud": origin,
        "sub": settings.VAPID_SUBJECT,
        "exp": int(time.time()) + SIGNED_SECONDS,
    }
    signed: dict[str, str] = Vapid.from_string(settings.VAPID_PRIVATE_KEY).sign(claims)
    return signed


@cache
def public_key(private_key: str) -> str:
    """What browsers must know to subscribe, as they want it: a point in base64url."""
    from cryptography.hazmat.primitives import serialization
    from py_vapid import Vapid, b64urlencode

    point = Vapid.from_string(private_key).public_key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    encoded: str = b64urlencode(point)
    return encoded
