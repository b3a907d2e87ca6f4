"""One port for everything: WebSockets go to Channels, HTTP to the WSGI application.

Django's own ASGI handler answers half as many requests on the same core, because each
synchronous view hops between threads; here each request runs in one thread from end to end
(`shop/in_threads.py`).
"""

import os
from typing import Any
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import OriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware  # noqa: E402

from orders.ws_urls import websocket_urlpatterns  # noqa: E402
from shop.in_threads import InThreads  # noqa: E402
from shop.logs import get_logger  # noqa: E402
from shop.whole_requests import WholeRequests  # noqa: E402
from shop.wsgi import application as http_application  # noqa: E402


class ShopOrigins(OriginValidator):  # type: ignore[misc]
    """Sockets are for our own pages; each refusal leaves one security log line."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        headers = [pair for pair in scope["headers"] if pair[0] != b"origin" or _is_url(pair[1])]
        return await super().__call__({**scope, "headers": headers}, receive, send)

    def valid_origin(self, parsed_origin: Any) -> bool:
        valid: bool = super().valid_origin(parsed_origin)
        if not valid:
            get_logger("security").warning("socket.origin_refused")
        return valid


def _is_url(header: bytes) -> bool:
    """What is no URL at all counts as missing; the parent class would stumble over it."""
    try:
        _ = urlsplit(header.decode("latin1")).port
    except ValueError:
        return False
    return True


def allowed_origins() -> list[str]:
    """The shop's own origins; a missing Origin is refused as well."""
    return [settings.SHOP_URL, *settings.CSRF_TRUSTED_ORIGINS]


# As many threads as pooled connections: more would only queue for the pool.
pages_and_api = InThreads(http_application, threads=settings.DATABASE_POOL_SIZE)
#: An honest sender of our small bodies needs a blink; a phone in a tunnel some seconds.
BODY_SECONDS = 10.0

every_protocol = ProtocolTypeRouter(
    {
        "http": WholeRequests(
            pages_and_api,
            bytes_max=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            seconds=BODY_SECONDS,
        ),
        "websocket": ShopOrigins(URLRouter(websocket_urlpatterns), allowed_origins()),
    }
)
# Every limit counts by the asker's address: the one that a known proxy tells, or the sender's.
# In the application, not in the server's own options, so that it holds whoever starts it.
application = ProxyHeadersMiddleware(every_protocol, trusted_hosts=settings.TRUSTED_PROXIES)
