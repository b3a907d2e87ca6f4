"""Is this installation fit to take money? Each check says what it saw and what to do about it."""

import platform
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import django
from django.conf import settings
from django.core import mail
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_redis import get_redis_connection

from payments import registry
from payments.gateways import base
from payments.references import new_reference
from shop import hardening, heartbeat
from shop.courtesy import REDIS_TROUBLE
from shop.database import limits

POSTGRES_MIN = 150000
REDIS_MIN = 7
SKEW_SECONDS_MAX = 2.0
#: A gateway refuses or doubts signatures that are five minutes off; far below that is well.
GATEWAY_SKEW_SECONDS_MAX = 30.0


class Level(StrEnum):
    """How bad it is: only `bad` makes the command fail."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


Seen = Iterator[tuple[Level, str]]


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    check: str
    level: Level
    saw: str


def name_of(check: Callable[[], Seen]) -> str:
    """What a check is called."""
    return check.__name__.replace("_", " ")


def examine(only: str | None = None) -> list[Finding]:
    """Every check, or one by name; one that breaks is a finding, not the end."""
    found = []
    for check in CHECKS:
        name = name_of(check)
        if only not in (None, name):
            continue
        try:
            found += [Finding(name, level, saw) for level, saw in check()]
        except (DatabaseError, OSError, base.Unknown, base.Refused, *REDIS_TROUBLE) as error:
            found.append(Finding(name, Level.BAD, f"no answer: {error}"[:200]))
    return found


def _judge(well: bool, saw: str, otherwise: Level = Level.BAD) -> tuple[Level, str]:
    return (Level.OK if well else otherwise), saw


def _one(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (value,) = cursor.fetchone()
    return str(value)


def versions() -> Seen:
    """Of everything below us."""
    yield Level.OK, f"Python {platform.python_version()}, Django {django.get_version()}"
    number = int(_one("SHOW server_version_num"))
    told = f"PostgreSQL {_one('SHOW server_version')}"
    yield _judge(number >= POSTGRES_MIN, f"{told}; 15 or later is needed")


def durability() -> Seen:
    """A commit that was told must survive a power cut."""
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        value = _one(f"SHOW {name}")
        yield _judge(value != "off", f"{name} = {value}")


def time_limits() -> Seen:
    """A statement or a lock that takes too long is refused; a pooler must not lose the limits."""
    seen = limits.in_force()
    lost = {name: seen[name] for name, wanted in limits.LIMITS.items() if seen[name] != wanted}
    told = ", ".join(f"{name} = {value}" for name, value in (lost or seen).items())
    way_out = ": behind a pooler `manage.py prepare` sets them, then RECONNECT there" * bool(lost)
    yield _judge(not lost, told + way_out)


def migrations() -> Seen:
    """The tables are those that the code knows."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    names = ", ".join(f"{m.app_label}.{m.name}" for m, _ in plan[:5])
    yield _judge(not plan, f"{len(plan)} pending {names}".strip())


def redis() -> Seen:
    """A server that throws messages away when it is full loses tasks."""
    told = get_redis_connection("default").info()
    version = told.get("valkey_version") or told["redis_version"]
    yield _judge(int(version.split(".")[0]) >= REDIS_MIN, f"version {version}")
    policy = told.get("maxmemory_policy", "unknown")
    yield _judge(policy == "noeviction", f"eviction policy {policy}; noeviction is needed")


def clock_of_the_database() -> Seen:
    """Two clocks that differ make horizons and signatures wrong."""
    began = time.time()
    theirs = float(_one("SELECT extract(epoch FROM clock_timestamp())"))
    skew = theirs - (began + time.time()) / 2
    yield _judge(abs(skew) < SKEW_SECONDS_MAX, f"{skew:+.2f} s beside ours")


def gateways() -> Seen:
    """Each one answers a question about nothing, with a signature that we believe."""
    for name in sorted(registry.configured()):
        now = timezone.now()
        nobody = base.PaymentRef(new_reference(now), method="", created_at=now)
        # Past the breaker: whoever asks here wants to know whether they are back.
        told = registry.gateway(name).query(nobody)
        yield _judge(told.state is base.State.NOT_FOUND, f"{name} answers: {told.state}")
        if address := _options(name).get("base_url"):
            yield _clock_of(name, address)


def _options(gateway: str) -> dict[str, Any]:
    told: dict[str, Any] = dict(settings.PAYMENT_GATEWAYS[gateway])
    options: dict[str, Any] = told["options"]
    return options


def _clock_of(name: str, address: str) -> tuple[Level, str]:
    try:
        with urllib.request.urlopen(address, timeout=3) as answer:  # noqa: S310 - from the settings  # nosec B310
            told = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        told = error.headers.get("Date")
    if not told:
        return Level.WARN, f"{name} tells no time"
    skew = (parsedate_to_datetime(told) - timezone.now()).total_seconds()
    return _judge(abs(skew) < GATEWAY_SKEW_SECONDS_MAX, f"{name}'s clock {skew:+.0f} s beside ours")


class _Settings(dict[str, object]):
    """Django's settings as a mapping."""

    def __missing__(self, name: str) -> object:
        return getattr(settings, name)


def secrets() -> Seen:
    """Long, our own, and at most two for each gateway's notifications."""
    weak = [
        f"{name} {wrong}"
        for name, secret in hardening.secrets_of(_Settings())
        if (wrong := hardening.weakness(secret))
    ]
    yield _judge(not weak, "; ".join(weak) or "none is short or well known")
    for name in sorted(registry.configured()):
        active = len(_options(name).get("webhook_secrets", ["one"]))
        saw = f"{name} accepts {active} webhook secrets" + (
            ": a rotation is under way; drop the old one when it is over" if active > 1 else ""
        )
        yield _judge(active == 1, saw, Level.WARN if active else Level.BAD)


def heartbeats() -> Seen:
    """Beat ticks and a worker hears it."""
    age = heartbeat.age("beat", now=timezone.now())
    limit = timedelta(seconds=3 * settings.HEARTBEAT_SECONDS + 10)
    if age is None:
        yield Level.BAD, "beat and a worker have never run together: start both"
    else:
        saw = f"last heard {age.total_seconds():.0f} s ago"
        yield _judge(age < limit, f"{saw}; are beat and a worker running?" if age > limit else saw)


def mails() -> Seen:
    """The server that takes our mails lets us in."""
    backend = settings.EMAIL_BACKEND.rpartition(".")[2]
    if "smtp" not in settings.EMAIL_BACKEND:
        yield _judge(settings.DEBUG or settings.ALLOW_EMBEDDED, f"{backend} sends none", Level.WARN)
        return
    with mail.get_connection(timeout=3):
        yield Level.OK, f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} lets us in"


def mode() -> Seen:
    """What is meant for a demo, and what everybody may read."""
    yield _judge(not settings.DEBUG, f"DEBUG is {'on' if settings.DEBUG else 'off'}", Level.WARN)
    yield _judge(not settings.ALLOW_EMBEDDED, "embedded servers allowed", Level.WARN)
    saw = (
        "/metrics needs its token" if settings.METRICS_TOKEN else "/metrics is open: METRICS_TOKEN"
    )
    yield _judge(bool(settings.METRICS_TOKEN), saw, Level.WARN)


def proxies() -> Seen:
    """HTTPS ends at somebody in front; the limits must see past them."""
    told = ", ".join(settings.TRUSTED_PROXIES)
    is_behind = settings.SECURE or getattr(settings, "SECURE_PROXY_SSL_HEADER", None) is not None
    if told or not is_behind:
        yield Level.OK, f"believed: {told or 'nobody, and nobody stands in front'}"
    else:
        saw = "all who come through a proxy count as one address: set TRUSTED_PROXIES"
        yield Level.WARN, saw


CHECKS: list[Callable[[], Seen]] = [
    versions,
    durability,
    time_limits,
    migrations,
    redis,
    clock_of_the_database,
    gateways,
    secrets,
    heartbeats,
    mails,
    proxies,
    mode,
]
