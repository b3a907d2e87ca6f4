"""JSON without surprises: UTF-8 objects, finite numbers, bounded depth, no lone surrogates."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

#: Our deepest request body has three levels; a parser should not meet a hundred thousand.
DEPTH_MAX = 20
#: A bigint has 19 digits.
DIGITS_MAX = 19
BRACKETS = re.compile(rb"[\[\{\]\}]")


class StrictJSONParser(BaseParser):
    """Parse application/json strictly; anything odd is a 400 in plain words."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise ParseError(f"The body is larger than {limit} bytes.")
        return parse(body)


def parse(body: bytes) -> dict[str, Any]:
    """The body's object. Raises ParseError, whatever is wrong with it."""
    _check_depth(body)
    try:
        value = json.loads(body.decode(), parse_constant=_not_a_number, parse_int=_bounded_int)
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate fails here
    except (ValueError, RecursionError) as error:
        raise ParseError("The body is not valid JSON in UTF-8.") from error
    if not isinstance(value, dict):
        raise ParseError("The body must be a JSON object.")
    if "\\u0000" in body.decode() or b"\x00" in body:
        raise ParseError("The body contains a NUL character.")
    return value


def _check_depth(body: bytes) -> None:
    depth = 0
    for bracket in BRACKETS.finditer(body):
        depth += 1 if bracket.group() in b"[{" else -1
        if depth > DEPTH_MAX:
            raise ParseError(f"The body is nested more than {DEPTH_MAX} levels deep.")


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(name)


def _bounded_int(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS_MAX:
        raise ValueError("integer too long")
    return int(digits)
