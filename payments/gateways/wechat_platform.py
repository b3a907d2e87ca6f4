"""Whose signatures are WeChat Pay's: fixed public keys (PUB_KEY_ID_…), downloaded certificates,
or both at once, as while a merchant moves from one to the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from payments.gateways import rsa_keys
from payments.gateways.wechat_signing import Seal, unsealed

# A new certificate is told a day before it signs (the provider's rotation), so that half a day
# is soon enough also for who only hears notifications.
OLD_AFTER = timedelta(hours=12)


class PlatformKeys:
    """By serial. Only our own questions make it ask for certificates, and not too often."""

    def __init__(
        self,
        public_keys: Mapping[str, str],
        *,
        certificates: bool,
        every_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        if not public_keys and not certificates:
            raise ValueError("the WeChat Pay gateway needs a public key, or certificates")
        self._fixed = {name: rsa_keys.public_key(key) for name, key in public_keys.items()}
        self._downloads = certificates
        self._every = timedelta(seconds=every_seconds)
        self._clock = clock
        self._told: dict[str, x509.Certificate] = {}
        self._asked_at: datetime | None = None

    @property
    def preferred(self) -> str:
        """The key by which answers are wanted, or nothing: then a certificate signs them."""
        return next(iter(self._fixed), "")

    def of(self, serial: str) -> Sequence[rsa.RSAPublicKey]:
        """The key of this serial, if we know it and it is in force."""
        if serial in self._fixed:
            return [self._fixed[serial]]
        certificate = self._told.get(_plain(serial))
        key = certificate.public_key() if certificate and self._in_force(certificate) else None
        return [key] if isinstance(key, rsa.RSAPublicKey) else []

    def is_stale(self) -> bool:
        """Whether certificates should be asked for before anything else."""
        return self._downloads and self._is_old()

    def may_learn(self, serial: str) -> bool:
        """Whether an answer of ours, signed by a stranger, is a reason to ask for certificates."""
        return self._downloads and not self.of(serial) and serial != "" and self._may_ask()

    def count_ask(self) -> None:
        """Certificates are being asked for now."""
        self._asked_at = self._clock()

    def learn(self, body: bytes, seal: Seal, api_v3_keys: Sequence[bytes]) -> None:
        """Believe what /v3/certificates told, if one of those that it told signed it.

        ValueError otherwise. Replaces what was told before: two are in force at a rotation.
        """
        told: dict[str, x509.Certificate] = {}
        for row in json.loads(body)["data"]:
            certificate = _certificate(row, api_v3_keys)
            told[_serial(certificate)] = certificate
        signer = told.get(_plain(seal.serial))
        own = signer.public_key() if signer else None
        keys = [own] if isinstance(own, rsa.RSAPublicKey) else list(self.of(seal.serial))
        if not (seal.is_genuine(body, keys) and seal.is_fresh(self._clock())):
            raise ValueError("certificates that none of them signed")
        self._told = told

    def _in_force(self, certificate: x509.Certificate) -> bool:
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return begin <= self._clock() <= end

    def _may_ask(self) -> bool:
        return self._asked_at is None or self._clock() - self._asked_at >= self._every

    def _is_old(self) -> bool:
        return self._asked_at is None or self._clock() - self._asked_at >= OLD_AFTER


def _certificate(row: dict[str, Any], api_v3_keys: Sequence[bytes]) -> x509.Certificate:
    certificate = x509.load_pem_x509_certificate(unsealed(row["encrypt_certificate"], api_v3_keys))
    if _serial(certificate) != _plain(str(row["serial_no"])):
        raise ValueError("a certificate under another serial")
    return certificate


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:X}"


def _plain(serial: str) -> str:
    return serial.upper().lstrip("0")
