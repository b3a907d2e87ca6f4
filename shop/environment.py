"""Reading the environment without mercy: a value that nobody can mean stops the start."""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import environ
from babel.numbers import is_currency
from django.core.exceptions import ImproperlyConfigured

SWITCH = {"1": True, "true": True, "yes": True, "on": True}
SWITCH |= {"0": False, "false": False, "no": False, "off": False}


class Environment(environ.Env):  # type: ignore[misc]
    """django-environ, with what it lets through. What is blank was not said: the default holds."""

    def get_value(
        self,
        var: str,
        cast: Any = None,
        default: Any = environ.Env.NOTSET,
        parse_default: bool = False,
    ) -> Any:
        """As the parent's. The example file and docker compose tell blanks for defaults."""
        if default is not self.NOTSET and not self.ENVIRON.get(var, "").strip():
            return default
        return super().get_value(var, cast, default, parse_default)

    def flag(self, name: str, *, default: bool) -> bool:
        """A switch; a misspelt "true" must not mean "off"."""
        told = self.str(name, default="").strip().lower()
        if told and told not in SWITCH:
            raise ImproperlyConfigured(f"{name} is 1 or 0, not {told!r}.")
        return SWITCH.get(told, default)

    def positive(self, name: str, *, default: Any, cast: type[int] | type[float] = int) -> Any:
        """A number above zero."""
        try:
            number = cast(self.str(name, default=str(default)))
        except ValueError:
            raise ImproperlyConfigured(f"{name} is no number.") from None
        if not 0 < number < float("inf"):
            raise ImproperlyConfigured(f"{name} is a number above zero.")
        return number

    def natural(self, name: str, *, default: int) -> int:
        """A whole number, zero included."""
        told: str = self.str(name, default=str(default))
        if not told.isdecimal():
            raise ImproperlyConfigured(f"{name} is a whole number, not {told!r}.")
        return int(told)

    def choice(self, name: str, *, default: str, among: Iterable[str]) -> str:
        """One of a few words."""
        told: str = self.str(name, default=default).strip().lower()
        if told not in among:
            raise ImproperlyConfigured(f"{name} is one of {', '.join(among)}, not {told!r}.")
        return told

    def address(self, name: str, *, default: str) -> str:
        """Scheme and host of a server, without a path."""
        told: str = self.str(name, default=default).rstrip("/")
        parts = urlsplit(told)
        if parts.scheme not in ("http", "https") or told != f"{parts.scheme}://{parts.netloc}":
            raise ImproperlyConfigured(f"{name} is like https://shop.example, not {told!r}.")
        if not parts.hostname or "@" in parts.netloc:
            raise ImproperlyConfigured(f"{name} names a host and nobody's password.")
        return told

    def hosts(self, name: str, *, default: list[str]) -> list[str]:
        """Names of this server, each in full: a `*` would let others name it."""
        told: list[str] = self.list(name, default=default)
        if not told or any("*" in host for host in told):
            raise ImproperlyConfigured(f"{name} lists this server's names, without any `*`.")
        return told

    def networks(self, name: str, *, default: list[str]) -> list[str]:
        """Addresses and networks of machines; not the whole world, which is nobody's machine."""
        told = [part.strip() for part in self.list(name, default=default)]
        for part in told:
            try:
                is_world = ip_network(part).prefixlen == 0
            except ValueError:
                is_world = True
            if is_world:
                raise ImproperlyConfigured(f"{name} is like 10.0.0.7,172.16.0.0/12, not {part!r}.")
        return told

    def amounts(self, name: str, *, default: int, currencies: Iterable[str]) -> dict[str, int]:
        """Minor units per currency: `20000` for each, or `20000,JPY=30000` with exceptions."""
        found = dict.fromkeys(currencies, default)
        for part in self.list(name, default=[]):
            currency, told, amount = part.strip().rpartition("=")
            if not amount.isdecimal() or (told and not is_currency(currency)):
                raise ImproperlyConfigured(f"{name} is like 20000,JPY=30000, not {part!r}.")
            found |= dict.fromkeys([currency] if told else found, int(amount))
        return found
