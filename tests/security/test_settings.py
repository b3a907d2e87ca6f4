"""A production-like environment passes Django's own check; a bad one does not start."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from tests.stack import ROOT

PRODUCTION = {
    "SECRET_KEY": "a-long-and-random-key-of-a-real-shop-0123456789-abcdefghijklm",
    "SECURE": "1",
    "SHOP_URL": "https://shop.example",
    "ALLOWED_HOSTS": "shop.example",
    "DATABASE_URL": "postgresql://payonce@db.example/payonce",
    "REDIS_URL": "redis://cache.example:6379/0",
    "SANDBOX_API_KEY": "one-long-key-of-the-bank",
    "SANDBOX_SIGNING_SECRET": "another-long-one-of-the-bank",
    "SANDBOX_WEBHOOK_SECRETS": "a-third-long-one-of-the-bank",
}
SETTINGS = "".join(page.read_text() for page in sorted((ROOT / "shop").glob("settings*.py")))
PASSED_ON = ("PATH", "HOME", "LANG")
# Reads the settings anew for each environment: a process of its own for each takes seconds.
READ = """
import importlib, json, os, sys
kept, shown = dict(os.environ), []
for environment in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(kept | environment)
    for name in [name for name in sys.modules if name.startswith("shop.settings")]:
        del sys.modules[name]
    try:
        s = importlib.import_module("shop.settings")
        shown.append({name: repr(getattr(s, name)) for name in dir(s) if name.isupper()})
    except Exception as error:
        shown.append({"refused": f"{type(error).__name__}: {error}"})
json.dump(shown, sys.stdout)
"""
Environment = dict[str, str]


def on_our_servers() -> Environment:
    """For what asks the database: production with the servers of the tests."""
    servers = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    return PRODUCTION | servers | {"ALLOW_EMBEDDED": "1"}


def start(*command: str, told: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=kept | environment,
        input=told,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def read(*environments: Environment) -> list[dict[str, str]]:
    """The settings as each environment makes them, or how it is refused."""
    done = start("-c", READ, told=json.dumps(environments))
    assert done.returncode == 0, done.stderr
    shown: list[dict[str, str]] = json.loads(done.stdout)
    return shown


def test_djangos_check_of_a_deployment_finds_nothing():
    done = start("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout + done.stderr


REFUSED = {
    "no secret key": {"SECRET_KEY": ""},
    "a short secret key": {"SECRET_KEY": "short-but-random-0a9s8d7f"},
    "a well-known secret key": {"SECRET_KEY": "insecure-development-key-of-some-length"},
    "an old secret key that is short": {"SECRET_KEY_FALLBACKS": "a-short-old-key"},
    "a well-known secret of a gateway": {"SANDBOX_API_KEY": "sandbox-api-key"},
    "a short secret of a gateway": {"SANDBOX_WEBHOOK_SECRETS": "a-third-long-one-of-the-bank,k9"},
    "the demo's database": {
        "DATABASE_URL": "postgresql://checkout@/shop?host=/run/payonce-0a1b2c3d4e5f"
    },
    "the demo's Redis": {"REDIS_URL": "unix:///run/payonce-0a1b2c3d4e5f/valkey.sock?db=0"},
    "debug pages under https": {"DEBUG": "1"},
    "a lease shorter than a call": {"PAYMENT_LEASE_SECONDS": "6"},
    "an admin path with a slash in front": {"ADMIN_PATH": "/staff/"},
    "an admin path that the shop needs": {"ADMIN_PATH": "orders/"},
    "a failpoint in production": {"FAILPOINT": "outcome.recording"},
    "failpoints in production": {"FAILPOINTS": "1"},
    "a misspelt switch": {"SECURE": "treu"},
    "a misspelt debug": {"DEBUG": "of"},
    "a port that is none": {"SHOP_PORT": "http"},
    "a time below zero": {"SWEEP_SECONDS": "-1"},
    "a time that is none": {"PAYMENT_LEASE_SECONDS": "nan"},
    "endless patience": {"SWITCH_SECONDS": "inf"},
    "no payment allowed": {"NEW_PAYMENTS_PER_MINUTE": "0"},
    "an address without a scheme": {"SHOP_URL": "shop.example"},
    "another scheme": {"SHOP_URL": "ftp://shop.example"},
    "an address with a path": {"SHOP_URL": "https://shop.example/shop"},
    "a password in an address": {"BANK_URL": "https://user:pass@bank.example"},
    "a proxy by its name": {"TRUSTED_PROXIES": "10.0.0.7,balancer"},
    "every proxy of the world": {"TRUSTED_PROXIES": "0.0.0.0/0"},
    "any proxy": {"TRUSTED_PROXIES": "*"},
    "every host": {"ALLOWED_HOSTS": "*"},
    "every host below": {"ALLOWED_HOSTS": "*.example"},
    "no host": {"ALLOWED_HOSTS": ","},
}


def test_the_shop_does_not_start_with_a_value_that_nobody_can_mean():
    answers = read(*(PRODUCTION | changes for changes in REFUSED.values()))
    for (name, changes), answer in zip(REFUSED.items(), answers, strict=True):
        said = answer.get("refused", "")
        assert said.startswith("ImproperlyConfigured"), (name, said)
        assert next(iter(changes)) in said, (name, said)
        assert "user:pass" not in said, (name, said)


def test_a_refused_start_ends_the_process_and_says_what_to_set():
    done = start("manage.py", "check")
    assert done.returncode != 0
    assert "Set SECRET_KEY" in done.stderr


def test_a_real_shop_speaks_https_only_and_keeps_its_cookies_to_itself():
    environment = {k: v for k, v in PRODUCTION.items() if k != "SECURE"}
    (shown,) = read(environment | {"SECRET_KEY_FALLBACKS": ""})
    assert shown["DEBUG"] == "False"
    for name in ("SECURE", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"):
        assert shown[name] == "True", name
    assert int(shown["SECURE_HSTS_SECONDS"]) >= 31_536_000
    assert shown["SESSION_COOKIE_NAME"] == "'__Host-session'"
    assert shown["CSRF_COOKIE_NAME"] == "'__Host-csrf'"
    assert "SECURE_PROXY_SSL_HEADER" not in shown
    assert "USE_X_FORWARDED_HOST" not in shown
    assert shown["SECRET_KEY_FALLBACKS"] == "[]"


def test_what_is_blank_has_its_default():
    names = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', SETTINGS))
    assert len(names) > 60
    have_defaults = names - set(PRODUCTION) | {"SECURE", "SHOP_URL", "ALLOWED_HOSTS"}
    told = {name: PRODUCTION[name] for name in PRODUCTION if name not in have_defaults}
    blank, absent = read(told | dict.fromkeys(have_defaults, ""), told)
    for shown in (blank, absent):
        shown["LOGGING"] = re.sub(r" at 0x\w+", "", shown["LOGGING"])
    assert blank == absent


def test_a_blank_switch_follows_the_address_of_the_shop():
    https, http = read(
        PRODUCTION | {"SECURE": ""}, PRODUCTION | {"SECURE": "", "SHOP_URL": "http://shop.example"}
    )
    assert (https["SECURE"], http["SECURE"]) == ("True", "False")


def test_well_known_secrets_are_good_on_a_development_machine_only():
    bare = {name: v for name, v in PRODUCTION.items() if not name.startswith("SANDBOX")}
    at_home = {"DEBUG": "1", "SECURE": "0", "SHOP_URL": "http://127.0.0.1:8000"}
    production, development = read(bare, bare | at_home)
    assert "sandbox-webhook" in repr(development)
    for word in ("sandbox-api-key", "sandbox-signing", "sandbox-webhook", "insecure"):
        assert word not in repr(production)


COOKIES = """
import json, django; django.setup()
from django.conf import settings
from django.test import Client
plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
settings.STORAGES["staticfiles"] = {"BACKEND": plain}  # nothing was collected here
from orders.pages import browser
client = Client()
answer = client.get("/admin/login/", secure=True, headers={"Host": "shop.example"})
from django.http import HttpResponse
kept = browser.keep_basket(HttpResponse(), "token")
print(json.dumps({
    "cookies": {name: dict(cookie) for name, cookie in {**answer.cookies, **kept.cookies}.items()},
    "hsts": answer["Strict-Transport-Security"],
    "plain": client.get("/basket/", headers={"Host": "shop.example"})["Location"],
}))
"""


def test_a_real_shops_answers_carry_host_bound_cookies_and_strict_transport():
    done = start("-c", COOKIES, DJANGO_SETTINGS_MODULE="shop.settings", **on_our_servers())
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["cookies"]) == {"__Host-csrf", "__Host-basket"}
    for cookie in told["cookies"].values():
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["path"] == "/"
        assert not cookie["domain"]
        assert cookie["samesite"] == "Lax"
    assert "max-age=31536000" in told["hsts"]
    assert told["plain"] == "https://shop.example/basket/"
