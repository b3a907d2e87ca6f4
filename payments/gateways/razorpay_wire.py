"""HTTP to Razorpay: Basic authentication and JSON; a collection is read to its end."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from payments.gateways import base
from payments.gateways.razorpay_answers import WORD, Entity, items
from payments.gateways.wire import Wire, parse_json, reading

# The largest page that Razorpay gives.
PAGE = 100
PAGES_MAX = 1000


class Api:
    """One account."""

    def __init__(self, wire: Wire, key_id: str, key_secret: str) -> None:
        self._wire = wire
        told = base64.b64encode(f"{key_id}:{key_secret}".encode()).decode()
        self._authorization = {"Authorization": f"Basic {told}"}

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Entity:
        """What stands there; raises Unknown, because a question is never refused for good."""
        return _only(*self._ask("GET", f"{path}?{urlencode(query)}" if query else path))

    def post(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Entity:
        """Do it. Raises Refused for Razorpay's own "bad request", and Unknown."""
        return _only(*self._ask("POST", path, body, headers), may_refuse=True)

    def all(self, path: str, query: Mapping[str, object] | None = None) -> list[Entity]:
        """Every item of a collection."""
        found: list[Entity] = []
        for page in range(PAGES_MAX):
            told = {**(query or {}), "count": PAGE, "skip": page * PAGE}
            with reading():
                few = items(self.get(path, told))
            found += few
            if len(few) < PAGE:
                return found
        raise base.Unknown("a list without end")

    def _ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        answer = self._wire.send(method, path, {**self._authorization, **(headers or {})}, body)
        with reading():
            return answer.status, parse_json(answer.body)


def _only(status: int, answer: dict[str, Any], *, may_refuse: bool = False) -> dict[str, Any]:
    if status < 300:
        return answer
    error = answer.get("error")
    told = error if isinstance(error, dict) else {}
    code = str(told.get("reason") or told.get("code") or "")
    if not WORD.fullmatch(code):
        code = ""
    # Only this code is about the request itself; 401, 404 and 409 say that something is amiss.
    if may_refuse and status == 400 and told.get("code") == "BAD_REQUEST_ERROR":
        raise base.Refused(f"razorpay_{code}")
    raise base.Unknown(f"HTTP {status} {code}")
