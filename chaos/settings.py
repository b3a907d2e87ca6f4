"""The shop's settings with short clocks: a drill cannot wait a quarter of an hour for a QR code.

What the environment can say is said there (chaos.house); here is the rest.
"""

from typing import Any

from shop.settings import *  # noqa: F403
from shop.settings import INSTALLED_APPS as SHOPS_APPS
from shop.settings import PAYMENT_GATEWAYS as SHOPS_GATEWAYS
from shop.settings import env

INSTALLED_APPS = [*SHOPS_APPS, "chaos"]

#: How long a QR code or a link can be paid, and how late a request of ours may arrive: "not
#: found" proves nothing before the sum of both.
LIFETIME_SECONDS = 7.0
REQUEST_DELAY_SECONDS = 1.5


def _short_lived(gateways: Any) -> Any:
    short = {
        "lifetime_seconds": dict.fromkeys(("qr", "redirect", "card"), LIFETIME_SECONDS),
        "request_delay_seconds": REQUEST_DELAY_SECONDS,
    }
    return {
        name: {**told, "options": {**told["options"], **short}} for name, told in gateways.items()
    }


PAYMENT_GATEWAYS = _short_lived(SHOPS_GATEWAYS)
IDEMPOTENCY_LEASE_SECONDS = 4

# Which layer is taken away in this run (chaos/layers.py); empty: none.
CHAOS_LAYER_OFF = env.str("CHAOS_LAYER_OFF", default="")
