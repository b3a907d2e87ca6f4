"""What Alipay signs: two canonical strings, and the exact bytes of an answer's inner object."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

FIELDS_MAX = 200


def request_string(fields: Mapping[str, str]) -> str:
    """What a request's signature covers: sorted, without `sign` and without empty values."""
    return _joined({name: value for name, value in fields.items() if value and name != "sign"})


def notification_string(fields: Mapping[str, str]) -> str:
    """What a notification's signature covers: neither `sign` nor `sign_type`, empty ones kept.

    A genuine notification without its empty fields fails (both Python SDKs, by trial).
    """
    unsigned = ("sign", "sign_type")
    return _joined({name: value for name, value in fields.items() if name not in unsigned})


def form_fields(body: bytes) -> dict[str, str]:
    """A notification's fields, empty ones too; ValueError for any other body."""
    pairs = parse_qsl(
        body.decode("ascii"),
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=FIELDS_MAX,
    )
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field that comes twice")
    return fields


def opened(body: bytes, name: str) -> tuple[dict[str, Any], bytes, str]:
    """An answer's inner object, the exact bytes of it that were signed, and the signature.

    ValueError for what is not `{"<name>": {…}, "sign": "…"}`; a key that comes twice could
    show us one object and sign another.
    """
    pieces = _pieces(body.decode("utf-8"))
    inner, exact = pieces[name]
    signature, _ = pieces["sign"]
    if not isinstance(inner, dict) or not isinstance(signature, str):
        raise ValueError("not an answer")
    return inner, exact.encode(), signature


def _joined(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields))


def _pieces(text: str) -> dict[str, tuple[Any, str]]:
    """Each member of the outer object: its value and its text as it came."""
    found: dict[str, tuple[Any, str]] = {}
    at = _after(text, 0, "{")
    try:
        while True:
            name, at = _DECODER.raw_decode(text, _space(text, at))
            if not isinstance(name, str) or name in found:
                raise ValueError("not a name, or one that comes twice")
            start = _space(text, _after(text, at, ":"))
            value, at = _DECODER.raw_decode(text, start)
            found[name] = (value, text[start:at])
            at = _space(text, at)
            if text[at : at + 1] != ",":
                break
            at += 1
    except RecursionError:
        raise ValueError("nested too deep") from None
    if text[_after(text, at, "}") :].strip():
        raise ValueError("more than an object")
    return found


def _space(text: str, at: int) -> int:
    found = _WHITESPACE.match(text, at)
    return found.end() if found else at


def _after(text: str, at: int, mark: str) -> int:
    at = _space(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark} is missing")
    return at + 1


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_WHITESPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
