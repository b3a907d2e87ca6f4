"""docker-compose.yml with its variables filled in, as compose fills them in."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SECRETS = (
    "SECRET_KEY",
    "POSTGRES_PASSWORD",
    "METRICS_TOKEN",
    "GRAFANA_PASSWORD",
    "SANDBOX_API_KEY",
    "SANDBOX_SIGNING_SECRET",
)
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<how>:?[-?])(?P<told>[^}]*))?\})")


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
        return found["told"] or ""

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


def made_up() -> dict[str, str]:
    """What a person would write into .env."""
    webhook = secrets.token_urlsafe(32)
    return {name: secrets.token_urlsafe(50) for name in SECRETS} | {
        "SANDBOX_WEBHOOK_SECRET": webhook,
        "SANDBOX_WEBHOOK_SECRETS": webhook,
    }
