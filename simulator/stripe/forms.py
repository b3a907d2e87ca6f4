"""What Stripe is asked: bracketed forms, read strictly; its errors; its own units of money."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qsl

from simulator.books import Refusal

NAME = re.compile(r"([a-z0-9_]+)((?:\[[A-Za-z0-9_]*\])*)", re.ASCII)
CODES = {
    0: "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF",
    3: "BHD JOD KWD OMR TND",
}
DIGITS = {code: digits for digits, codes in CODES.items() for code in codes.split()}
# They have no decimals in the world and two, which must be 0, at Stripe.
LOOKS_LIKE_HUNDREDTHS = {"ISK": 100, "UGX": 100}


class Wrong(Refusal):
    """An error object of Stripe's."""

    def __init__(
        self, status: int, code: str = "", *, kind: str = "invalid_request_error", param: str = "",
        said: str = "",
    ) -> None:  # fmt: skip
        super().__init__(status, code or kind)
        error = {"type": kind, "message": said or f"Refused: {code or param}."}
        self.told = {"error": error | {k: v for k, v in (("code", code), ("param", param)) if v}}


def parsed(raw: bytes | None) -> dict[str, Any]:
    """`a[b][0]=1` as `{"a": {"b": {"0": "1"}}}`."""
    if raw is None:
        raise Wrong(400, said="Too large.")
    tree: dict[str, Any] = {}
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(raw))
    except ValueError:
        raise Wrong(400, said="Not a form.") from None
    for name, value in pairs:
        found = NAME.fullmatch(name)
        if found is None:
            raise Wrong(400, "parameter_unknown", param=name[:60])
        place = tree
        *way, last = [found[1], *re.findall(r"\[(.*?)\]", found[2])]
        for step in way:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise Wrong(400, param=name[:60])
        place[last or str(len(place))] = value
    return tree


def fingerprint(path: str, tree: dict[str, Any]) -> str:
    """Of a request, to know its repetition."""
    canonical = json.dumps([path, tree], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def only(tree: dict[str, Any], *known: str) -> None:
    """Stripe refuses what it does not know."""
    for name in tree:
        if name not in known:
            raise Wrong(400, "parameter_unknown", param=name)


def whole(tree: dict[str, Any], name: str, *, least: int = 1) -> int:
    """An integer in digits."""
    value = tree.get(name)
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,12}", value, re.ASCII):
        raise Wrong(400, "parameter_invalid_integer", param=name)
    if int(value) < least:
        raise Wrong(400, "parameter_invalid_integer", param=name)
    return int(value)


def below(tree: dict[str, Any], *names: str) -> dict[str, Any]:
    """The tree under these names; empty where there is none."""
    for name in names:
        tree = tree.get(name, {})
        if not isinstance(tree, dict):
            raise Wrong(400, param=name)
    return tree


def words(tree: dict[str, Any], name: str = "metadata") -> dict[str, str]:
    """Metadata: at most 50 keys of 40 characters with values of 500."""
    found = below(tree, name)
    if len(found) > 50 or any(len(k) > 40 for k in found):
        raise Wrong(400, param=name)
    if any(not isinstance(v, str) or len(v) > 500 for v in found.values()):
        raise Wrong(400, param=name)
    return found


def money(tree: dict[str, Any], name: str) -> tuple[int, str]:
    """Minor units as the world counts them, and the currency."""
    amount, currency = whole(tree, name), str(tree.get("currency", "")).upper()
    if not re.fullmatch(r"[A-Z]{3}", currency, re.ASCII):
        raise Wrong(400, "parameter_missing", param="currency")
    if DIGITS.get(currency) == 3 and amount % 10:
        raise Wrong(400, "invalid_amount", param=name)
    return in_world(amount, currency, name), currency


def in_world(amount: int, currency: str, name: str = "amount") -> int:
    """As the world counts it."""
    units, rest = divmod(amount, LOOKS_LIKE_HUNDREDTHS.get(currency, 1))
    if rest:
        raise Wrong(400, "invalid_amount", param=name)
    return units


def in_stripe(amount_minor: int, currency: str) -> int:
    """As Stripe shows it."""
    return amount_minor * LOOKS_LIKE_HUNDREDTHS.get(currency, 1)
