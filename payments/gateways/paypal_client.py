"""PayPal's HTTP: one token for many calls, one fetch of it at a time, a key for each change."""

from __future__ import annotations

import hmac
import threading
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways.wire import Wire, parse_json, reading, whole

FORM = "application/x-www-form-urlencoded"
# A token that ends while a request is under way would cost a second one.
TOKEN_MARGIN = timedelta(seconds=60)
TOKEN_CHARACTERS_MAX = 4096


class Client:
    """Asks with a token; a 401 ends the token, and the same request goes once more."""

    def __init__(
        self, wire: Wire, *, client_id: str, client_secret: str, clock: Callable[[], datetime]
    ) -> None:
        self._wire = wire
        self._basic = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._ends_at: datetime | None = None

    def ask(
        self, method: str, path: str, body: object = None, key: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Status and answer; raises Unknown."""
        token = self._good_token()
        answer = self._send(method, path, body, key, token)
        if answer[0] == 401:
            # It was turned away at the door: nothing was done, so the request may go again.
            self._drop(token)
            answer = self._send(method, path, body, key, self._good_token())
        return answer

    def _send(
        self, method: str, path: str, body: object, key: str, token: str
    ) -> tuple[int, dict[str, Any]]:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Prefer": "return=representation",
        } | ({"PayPal-Request-Id": key} if key else {})
        answer = self._wire.send(method, path, headers, body)
        with reading():
            return answer.status, parse_json(answer.body)

    def _good_token(self) -> str:
        # Whoever waits here finds the token that the one before has fetched.
        with self._lock:
            if self._ends_at is None or self._clock() >= self._ends_at:
                self._fetch()
            return self._token

    def _drop(self, token: str) -> None:
        with self._lock:
            # Another thread may have fetched a newer one meanwhile.
            if hmac.compare_digest(token, self._token):
                self._token, self._ends_at = "", None

    def _fetch(self) -> None:
        headers = {"Authorization": f"Basic {self._basic}", "Content-Type": FORM}
        asked_at = self._clock()
        answer = self._wire.send(
            "POST", "/v1/oauth2/token", headers, b"grant_type=client_credentials"
        )
        if answer.status != 200:
            # Wrong credentials, or an outage that looks like them: no request was decided.
            raise base.Unknown(f"no token: HTTP {answer.status}")
        with reading():
            told = parse_json(answer.body)
            token, seconds, kind = told["access_token"], whole(told["expires_in"]), "token_type"
            if told[kind] != "Bearer" or not isinstance(token, str):
                raise ValueError("not a token")
            if not token.isascii() or not token.isprintable() or len(token) > TOKEN_CHARACTERS_MAX:
                raise ValueError("not a token that fits into a header")
            lifetime = timedelta(seconds=min(seconds, 86_400))
        self._token, self._ends_at = token, asked_at + lifetime - TOKEN_MARGIN
