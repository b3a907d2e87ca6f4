"""What production refuses to start with. Development (DEBUG=1) starts with anything.

Each refusal names the variable and the way out, because the person who reads it has a shop that
does not start.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

SECRET_KEY_LENGTH_MIN = 40
SECRET_LENGTH_MIN = 16
#: What examples, tutorials and this repository's own tests use.
WELL_KNOWN = re.compile(
    r"^(insecure|django-insecure|change.?me|secret|password|test-|sandbox-(api-key|signing|webhook)|"
    r"only-for-)",
    re.IGNORECASE,
)
#: Where `shop.embedded` lets its servers listen.
EMBEDDED = re.compile(r"/payonce-[0-9a-f]{8,}(/|\?|$)")
#: A gateway's options that are no secret, though they are texts.
PLAIN_OPTIONS = {
    *("base_url", "public_url", "files_url", "merchant", "public_key", "client_id", "merchant_id"),
    *("webhook_id", "trust_anchor_file", "app_id", "seller_id", "gateway_public_keys", "mchid"),
    *("appid", "merchant_serial", "middle_certificates", "root_certificates", "key_id"),
    "currencies",
}


def refuse(settings: Mapping[str, Any]) -> None:
    """Raises ImproperlyConfigured with every reason at once."""
    reasons = list(_debugging(settings))
    if not settings["DEBUG"]:
        reasons += [*_secrets(settings), *_servers(settings), *_limits(settings)]
    if reasons:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        raise ImproperlyConfigured(f"The shop does not start like this:\n{listed}")


def is_embedded(address: str) -> bool:
    """Whether this is a server that `make demo` started."""
    return EMBEDDED.search(address) is not None


def weakness(secret: str, length_min: int = SECRET_LENGTH_MIN) -> str:
    """What is wrong with a secret; empty when nothing is."""
    if WELL_KNOWN.match(secret):
        return "is well known"
    if len(secret) < length_min:
        return f"is shorter than {length_min} characters"
    if len(set(secret)) < 8:
        return "repeats a few characters"
    return ""


def _debugging(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["DEBUG"] and settings["SECURE"]:
        yield "DEBUG=1 shows the shop's insides to everybody; unset it where SHOP_URL is https."
    if settings["FAILPOINT"] and not settings["DEBUG"]:
        yield "FAILPOINT is for tests: it ends processes. Unset it."
    if settings["FAILPOINTS"] and not settings["DEBUG"]:
        yield "FAILPOINTS is for tests: it lets code be struck at named points. Unset it."


def _secrets(settings: Mapping[str, Any]) -> Iterator[str]:
    way_out = 'python -c "import secrets; print(secrets.token_urlsafe(50))"'
    for name, secret in secrets_of(settings):
        length = SECRET_KEY_LENGTH_MIN if name.startswith("SECRET_KEY") else SECRET_LENGTH_MIN
        if wrong := weakness(secret, length):
            yield f"{name} {wrong}. A new one: {way_out}"


def secrets_of(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every secret that the settings hold, with the name to show; absent ones are left out."""
    yield "SECRET_KEY", settings["SECRET_KEY"]
    for old in settings["SECRET_KEY_FALLBACKS"]:
        yield "SECRET_KEY_FALLBACKS", old
    for gateway, told in settings["PAYMENT_GATEWAYS"].items():
        for option, value in told["options"].items():
            if option in PLAIN_OPTIONS:
                continue
            name = f"{gateway.upper()}_{option.upper()}"
            for text in [value] if isinstance(value, str) else _texts(value):
                if text:
                    yield name, text
    if settings["METRICS_TOKEN"]:
        yield "METRICS_TOKEN", settings["METRICS_TOKEN"]


def _texts(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list | tuple) else []


def _servers(settings: Mapping[str, Any]) -> Iterator[str]:
    if any("*" in host for host in settings["ALLOWED_HOSTS"]):
        yield "ALLOWED_HOSTS has a wildcard: others could name this server. List its names."
    if settings["ALLOW_EMBEDDED"]:
        return
    for name in ("DATABASE_URL", "REDIS_URL"):
        if is_embedded(settings[name]):
            yield (
                f"{name} is the demo's own server, which nobody patches or backs up. Name a real "
                "one, or set ALLOW_EMBEDDED=1 for a demo."
            )


def _limits(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["PAYMENT_LEASE_SECONDS"] <= settings["GATEWAY_CALL_SECONDS_MAX"]:
        yield (
            f"PAYMENT_LEASE_SECONDS must be more than {settings['GATEWAY_CALL_SECONDS_MAX']:g}: "
            "GATEWAY_CONNECT_SECONDS + 2 * GATEWAY_READ_SECONDS, so that no second request is sent "
            "while the first may still be answered."
        )
