"""Notifications to browsers that asked on an order's page: who asked, and what they are told.

Only the browser can read a notification: it is encrypted with the browser's own key. The
address to call comes from the browser, so only known push services are ever called.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from orders.models import Occasion, Order, PushMessage, PushSubscription
from orders.moves import locked
from orders.post import push_wire
from orders.post.carriers import NotThere
from orders.post.letters import order_link
from orders.problems import NotABrowser, TooManyBrowsers

ENDPOINT_LENGTH_MAX = 500
#: An uncompressed point of P-256, and a secret of 16 bytes.
P256DH_BYTES, AUTH_BYTES = 65, 16


def is_offered() -> bool:
    """Whether browsers can be told anything: there is a key to sign with."""
    return bool(settings.VAPID_PRIVATE_KEY)


def push_key() -> str:
    """The public key that a browser needs to subscribe; empty where notifications are off."""
    return push_wire.public_key(settings.VAPID_PRIVATE_KEY) if is_offered() else ""


def subscribe(
    order: Order, *, endpoint: str, p256dh: str, auth: str, now: datetime
) -> PushSubscription:
    """Tell this browser from now on; once for each order and browser.

    Raises NotABrowser for anything that no known push service gives out, TooManyBrowsers.
    """
    if not is_offered() or not may_be_called(endpoint):
        raise NotABrowser
    if len(_bytes_of(p256dh)) != P256DH_BYTES or len(_bytes_of(auth)) != AUTH_BYTES:
        raise NotABrowser
    with transaction.atomic(durable=True):
        locked(order.number)  # keeps out a second browser's race for the last place
        known = order.push_subscriptions.filter(endpoint=endpoint).first()
        if known is None and order.push_subscriptions.count() >= settings.BROWSERS_PER_ORDER:
            raise TooManyBrowsers
        row, _ = PushSubscription.objects.update_or_create(
            order=order,
            endpoint=endpoint,
            defaults={"p256dh": p256dh, "auth": auth},
            create_defaults={"p256dh": p256dh, "auth": auth, "created_at": now},
        )
    return row


def may_be_called(endpoint: str) -> bool:
    """Whether this is a push service that the settings name, by HTTPS on its usual port."""
    if len(endpoint) > ENDPOINT_LENGTH_MAX or re.search(r"[^\x21-\x7e]|\\", endpoint):
        return False
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return False
    if (
        settings.PUSH_TEST_ORIGIN
        and f"{parts.scheme}://{parts.netloc}" == settings.PUSH_TEST_ORIGIN
    ):
        return True
    if parts.scheme != "https" or "@" in parts.netloc or port not in (None, 443):
        return False
    host = parts.hostname or ""
    return any(
        host == name or (name.startswith(".") and host.endswith(name))
        for name in settings.PUSH_HOSTS
    )


def send_push(message: PushMessage) -> None:
    """Tell one browser. Raises CarrierDown, NotNow, NotThere; a browser that left is removed."""
    browser = message.subscription
    if not is_offered() or not may_be_called(browser.endpoint):
        raise NotThere("no longer allowed")
    status = push_wire.post(
        endpoint=browser.endpoint,
        p256dh=browser.p256dh,
        auth=browser.auth,
        content=json.dumps(words_of(message)).encode(),
    )
    if status in (404, 410):
        browser.delete()  # and with it everything that it was to be told
        raise NotThere("the browser left")


def words_of(message: PushMessage) -> dict[str, str]:
    """What the browser shows, in the order's language."""
    order = message.subscription.order
    told = {"number": order.number}
    with override(order.locale):
        title, body = {
            Occasion.PAID: (_("Paid"), _("We received your payment for order %(number)s.")),
            Occasion.SURPLUS: (
                _("Money is on its way back"),
                _("More money arrived than order %(number)s costs. We send the rest back."),
            ),
            Occasion.REFUNDED: (
                _("Money was sent back"),
                _("A refund of order %(number)s is done."),
            ),
        }[Occasion(message.kind)]
    # A notification that comes twice takes the first one's place in the browser.
    tag = ".".join(filter(None, (order.number, message.kind, message.occasion)))
    return {"title": title, "body": body % told, "url": order_link(order), "tag": tag}


def _bytes_of(text: str) -> bytes:
    """Base64 as browsers write it; empty for anything else."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}=*", text):
        return b""
    try:
        return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except NotBase64:
        return b""
