"""Schemathesis' hooks: what fits the description is led to real orders, payments and goods.

Loaded by its command line (SCHEMATHESIS_HOOKS). What does not fit stays as it was made up, and one
valid id in six too: then nothing is there.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from typing import Any

import schemathesis

REAL: dict[str, list[str]] = json.loads(os.environ["REAL_IDS"])
FORMS = {
    "public_id": re.compile(r"[A-Za-z0-9_-]{24}"),
    "reference": re.compile(r"[0-9A-HJKMNP-TV-Z]{26}"),
}
METHODS = ["qr", "redirect", "card"]


def real(kind: list[str], made_up: str) -> str:
    """The same for the same, so that a seed replays."""
    number = zlib.crc32(made_up.encode("utf-8", "surrogatepass"))
    return made_up if number % 6 == 0 else kind[number // 6 % len(kind)]


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    for name, form in FORMS.items():
        value = (path_parameters or {}).get(name)
        if isinstance(value, str) and form.fullmatch(value):
            path_parameters[name] = real(REAL[name], value)
    return path_parameters


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    method = body.get("method")
    if isinstance(method, str) and 1 <= len(method) <= 40:
        body["method"] = real(METHODS, method)
    lines = body.get("lines")
    for line in lines if isinstance(lines, list) else []:
        sku = line.get("sku") if isinstance(line, dict) else None
        if isinstance(sku, str) and 1 <= len(sku) <= 64:
            line["sku"] = real(REAL["sku"], sku)
    return body
