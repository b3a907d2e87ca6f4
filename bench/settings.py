"""The shop as it is, but with a gateway that answers at once and one more address."""

from shop.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
PAYMENT_GATEWAYS["sandbox"]["adapter"] = "bench.gateway.InstantGateway"  # noqa: F405
