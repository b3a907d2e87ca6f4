"""Schemathesis' hook: what fits the description is led to real orders, payments and goods.

Loaded by its command line (SCHEMATHESIS_HOOKS). What does not fit stays as it was made up, and one
valid value in six too: then nothing is there. An operation that uses something up, as paying uses
up an unpaid order, is led to the next one each time, so that it is carried out whatever was drawn.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections import defaultdict
from itertools import count
from typing import Any

import schemathesis

REAL: dict[str, list[Any]] = json.loads(os.environ["REAL_IDS"])
FORMS = {
    "public_id": re.compile(r"[A-Za-z0-9_-]{24}"),
    "reference": re.compile(r"[0-9A-HJKMNP-TV-Z]{26}"),
}
METHODS = ["qr", "redirect", "card"]
#: What the operations that end so use up, and which of the real things are there for that alone.
USED_UP = {
    "/orders/{public_id}/payments/": "to_pay",
    "/orders/{public_id}/cancel/": "to_cancel",
    "/payments/{reference}/refunds/": "reference",
}
_turn: defaultdict[str, count[int]] = defaultdict(count)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    ids = case.path_parameters
    for name in FORMS.keys() & (ids or {}).keys():
        if isinstance(ids[name], str) and FORMS[name].fullmatch(ids[name]):
            ids[name] = led(case.operation, name, ids[name])
    if isinstance(case.body, dict):
        lead(case.body)


def led(operation: Any, name: str, made_up: str) -> str:
    used_up = next((USED_UP[end] for end in USED_UP if operation.path.endswith(end)), None)
    if used_up is None or operation.method != "post":
        return str(real(REAL[name], made_up))
    turn = next(_turn[operation.path])
    return made_up if turn % 6 == 5 else str(REAL[used_up][turn % len(REAL[used_up])])


def lead(body: dict[str, Any]) -> None:
    """Of an order its goods, of a payment its method, of a refund its figures, where they fit."""
    if fits(body.get("method"), 40):
        body["method"] = real(METHODS, body["method"])
    for line in body["lines"] if isinstance(body.get("lines"), list) else []:
        if isinstance(line, dict) and fits(line.get("sku"), 64):
            line["sku"] = real(REAL["sku"], line["sku"])
    for name, small in (("amount_minor", [1, 2, 3]), ("refunded_so_far_minor", [0])):
        if type(body.get(name)) is int and 1 <= body[name] <= 10**12:
            body[name] = real(small, body[name])


def fits(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= longest


def real(those: list[Any], made_up: Any) -> Any:
    """The same for the same, so that a seed replays."""
    number = zlib.crc32(repr(made_up).encode("utf-8", "surrogatepass"))
    return made_up if number % 6 == 0 else those[number // 6 % len(those)]
