"""docker-compose.yml with its variables filled in, as compose fills them in."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
#: What compose asks for and has no value in the example file.
SECRETS = (
    "SECRET_KEY",
    "POSTGRES_PASSWORD",
    "METRICS_TOKEN",
    "GRAFANA_PASSWORD",
    "SANDBOX_API_KEY",
    "SANDBOX_SIGNING_SECRET",
    "SANDBOX_WEBHOOK_SECRET",
    "SANDBOX_WEBHOOK_SECRETS",
)
# A default may hold one more variable: ${NAME:-…${OTHER:?message}…}
VARIABLE = re.compile(
    r"\$(?:\$|\{(?P<name>\w+)(?:(?P<how>:?[-?])(?P<told>(?:[^{}]|\{[^{}]*\})*))?\})"
)


def interpolate(text: str, known: Mapping[str, str]) -> str:
    """Fill in `${NAME}`, `${NAME:-default}` and `${NAME:?message}`. Raises ValueError."""

    def value(found: re.Match[str]) -> str:
        if found["name"] is None:
            return "$"
        has = known.get(found["name"], "")
        if has:
            return has
        if found["how"] in (":?", "?"):
            raise ValueError(found["told"])
        return interpolate(found["told"] or "", known)

    return VARIABLE.sub(value, text)


def compose(known: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with every variable filled in."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    def fill(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: fill(part) for name, part in node.items()}
        if isinstance(node, list):
            return [fill(part) for part in node]
        return interpolate(node, known) if isinstance(node, str) else node

    filled: dict[str, Any] = fill(read)
    return filled


def example() -> dict[str, str]:
    """.env.example as compose reads it."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def made_up() -> dict[str, str]:
    """The .env of somebody who copied the example and filled in the secrets."""
    told = {name: secrets.token_urlsafe(50) for name in SECRETS}
    return example() | told | {"SANDBOX_WEBHOOK_SECRETS": told["SANDBOX_WEBHOOK_SECRET"]}
