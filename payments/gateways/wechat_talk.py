"""One question to WeChat Pay: signed by us, and its answer verified."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from payments.gateways import base
from payments.gateways.wechat_platform import PlatformKeys
from payments.gateways.wechat_signing import Merchant, Seal
from payments.gateways.wire import BODY_BYTES_MAX, Answer, Wire, parse_json, reading

JSON = "application/json"
# A line of a bill is some 400 bytes: a day of a hundred thousand payments.
BILL_BYTES_MAX = 64 * 1024 * 1024


class Talk:
    """Whose signatures it believes is `platform`'s word; certificates are asked for here alone."""

    def __init__(
        self,
        base_url: str,
        merchant: Merchant,
        platform: PlatformKeys,
        api_v3_keys: Sequence[bytes],
        *,
        connect_seconds: float,
        read_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._wire, self._files = (
            Wire(
                base_url,
                connect_seconds=connect_seconds,
                read_seconds=read_seconds,
                body_bytes_max=most,
            )
            for most in (BODY_BYTES_MAX, BILL_BYTES_MAX)
        )
        self._base_url = base_url.rstrip("/")
        self._merchant = merchant
        self._platform = platform
        self._api_v3_keys = api_v3_keys
        self._clock = clock

    def keys(self, serial: str) -> Sequence[rsa.RSAPublicKey]:
        """The key of this serial if it is known; asks nobody."""
        return self._platform.of(serial)

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer that the gateway signed a moment ago. Raises Unknown."""
        if self._platform.is_stale():
            with suppress(base.Unknown):  # those that we know go on being believed
                self._learn_certificates()
        answer = self._send(self._wire, method, path, body)
        seal = Seal.of(answer.headers)
        if self._platform.may_learn(seal.serial):
            self._learn_certificates()
        if not seal.is_genuine(answer.body, self._platform.of(seal.serial)):
            raise base.Unknown(f"HTTP {answer.status}: the signature is not the gateway's")
        if not seal.is_fresh(self._clock()):
            raise base.Unknown("the answer's signature is old, or a clock is wrong")
        with reading():
            return answer.status, parse_json(answer.body) if answer.body else {}

    def file(self, url: object) -> bytes:
        """A file at the gateway's own address. Nobody signed it: compare its digest."""
        if not isinstance(url, str) or not url.startswith(f"{self._base_url}/v3/"):
            raise base.Unknown("a file at an address that is not the gateway's")
        answer = self._send(self._files, "GET", url.removeprefix(self._base_url), None)
        if answer.status != 200:
            raise base.Unknown(f"HTTP {answer.status}: no file")
        return answer.body

    def _send(self, wire: Wire, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        sent = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {
            "Authorization": self._merchant.authorization(method, path, sent, self._clock()),
            "Accept": JSON,
            "Content-Type": JSON,
        }
        if self._platform.preferred:
            headers["Wechatpay-Serial"] = self._platform.preferred
        return wire.send(method, path, headers, sent)

    def _learn_certificates(self) -> None:
        """Ask for the certificates in force."""
        self._platform.count_ask()
        answer = self._send(self._wire, "GET", "/v3/certificates", None)
        if answer.status != 200:
            raise base.Unknown(f"HTTP {answer.status}: no certificates")
        with reading():
            self._platform.learn(answer.body, Seal.of(answer.headers), self._api_v3_keys)
