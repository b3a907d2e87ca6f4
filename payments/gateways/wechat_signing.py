"""What WeChat Pay's APIv3 signs and seals: requests, answers, notifications, certificates."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from payments.gateways import rsa_keys

SCHEME = "WECHATPAY2-SHA256-RSA2048"
# How far the date of a signature may be from ours, in both directions (the provider's rule).
TOLERANCE_SECONDS = 300
API_V3_KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True)
class Merchant:
    """Who signs our requests; its key is never shown."""

    mchid: str
    serial: str
    key: rsa.RSAPrivateKey

    def authorization(self, method: str, path: str, body: bytes, now: datetime) -> str:
        """The header of one request: `path` with its query, `body` as it goes out."""
        moment, nonce = int(now.timestamp()), secrets.token_hex(16).upper()
        said = request_message(method, path, moment, nonce, body)
        parts = {
            "mchid": self.mchid,
            "nonce_str": nonce,
            "signature": rsa_keys.signed(self.key, said),
            "timestamp": str(moment),
            "serial_no": self.serial,
        }
        return f"{SCHEME} " + ",".join(f'{name}="{value}"' for name, value in parts.items())


@dataclass(frozen=True)
class Seal:
    """The signature of an answer or a notification, as its headers say it."""

    serial: str
    timestamp: str
    nonce: str
    signature: str
    scheme: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Seal:
        """Names are looked up in lower case; what is missing is empty."""
        return cls(
            serial=headers.get("wechatpay-serial", ""),
            timestamp=headers.get("wechatpay-timestamp", ""),
            nonce=headers.get("wechatpay-nonce", ""),
            signature=headers.get("wechatpay-signature", ""),
            scheme=headers.get("wechatpay-signature-type", SCHEME),
        )

    def is_genuine(self, body: bytes, keys: Sequence[rsa.RSAPublicKey]) -> bool:
        """Whether one of these keys made it over these bytes. An empty body is signed too."""
        # The gateway's own probes (WECHATPAY/SIGNTEST/…) are bad signatures like any other.
        if self.scheme != SCHEME:
            return False
        said = f"{self.timestamp}\n{self.nonce}\n".encode() + body + b"\n"
        return rsa_keys.is_signed_by(keys, said, self.signature)

    def is_fresh(self, now: datetime) -> bool:
        """Whether it was dated within five minutes of `now`."""
        dated = self.timestamp
        if not (dated.isascii() and dated.isdigit() and len(dated) <= 12):
            return False
        return abs(now.timestamp() - int(dated)) <= TOLERANCE_SECONDS


def request_message(method: str, path: str, moment: int, nonce: str, body: bytes) -> bytes:
    """Five lines, each ended, also the empty one of a request without a body."""
    return f"{method}\n{path}\n{moment}\n{nonce}\n".encode() + body + b"\n"


def unsealed(resource: Mapping[str, Any], keys: Sequence[bytes]) -> bytes:
    """What AES-256-GCM hid under one of the merchant's APIv3 keys; ValueError otherwise."""
    if resource.get("algorithm", "AEAD_AES_256_GCM") != "AEAD_AES_256_GCM":
        raise ValueError("another algorithm")
    nonce, hidden, about = (resource[n] for n in ("nonce", "ciphertext", "associated_data"))
    if not all(isinstance(value, str) for value in (nonce, hidden, about)):
        raise ValueError("not of the promised shape")
    if len(nonce.encode()) != NONCE_BYTES:
        raise ValueError("not a nonce")
    try:
        raw = base64.b64decode(hidden, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    for key in keys:
        try:
            return AESGCM(key).decrypt(nonce.encode(), raw, about.encode())
        except InvalidTag:
            continue
    raise ValueError("sealed with another key, or changed")
