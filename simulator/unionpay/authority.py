"""Certificates as UnionPay has them: a root, a middle authority, its own signer, a merchant's file.

`<data>/keys/unionpay/` holds what its desk hands out: merchant.p12 and the password of it in
secrets.json, and the authorities to believe: middle.certificate.pem and root.certificate.pem.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from simulator import keys

#: Our one merchant's number.
MERCHANT = "777000000000001"
YEARS = timedelta(days=3650)
OWNER = "041@8310000000083040@中国银联股份有限公司@00016494"


@dataclass(frozen=True)
class Signer:
    """A key and the certificate that goes along inside each message."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    def signed(self, fields: Mapping[str, str]) -> dict[str, str]:
        """The message with signPubKeyCert and signature."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode().strip()
        told = {**fields, "signPubKeyCert": pem}
        signature = self.key.sign(digest(told), padding.PKCS1v15(), hashes.SHA256())
        return {**told, "signature": base64.b64encode(signature).decode()}


class Authority:
    """Everything is made at the first start and the same afterwards."""

    def __init__(self, place: Path) -> None:
        self._place = place
        # Reading a private key checks it, which takes longer than all the rest.
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._password = keys.secret(place, "certificate_password")
        self._certify("root", "Root of the simulated bank", "root", is_authority=True)
        self._certify("middle", "Middle of the simulated bank", "root", is_authority=True)
        self.signer = Signer(self._key("signer"), self._certify("signer", OWNER, "middle"))
        owner = f"041@Z2026@{MERCHANT}@00000001"
        self._merchants = self._certify("merchant", owner, "middle")
        self._hand_out()

    def forger(self) -> Signer:
        """Whoever makes a certificate in UnionPay's name: nobody vouches for it."""
        return Signer(self._key("forger"), self._certify("forger", OWNER, "forger"))

    def is_the_merchants(self, fields: Mapping[str, str]) -> bool:
        """Whether our merchant signed this."""
        if fields.get("certId") != str(self._merchants.serial_number):
            return False
        key = self._key("merchant").public_key()
        try:
            signature = base64.b64decode(fields["signature"], validate=True)
            key.verify(signature, digest(fields), padding.PKCS1v15(), hashes.SHA256())
        except (KeyError, ValueError, InvalidSignature):
            return False
        return True

    def _key(self, name: str) -> rsa.RSAPrivateKey:
        if name not in self._keys:
            self._keys[name] = keys.rsa_key(self._place, name)
        return self._keys[name]

    def _certify(
        self, name: str, owner: str, issuer: str, *, is_authority: bool = False
    ) -> x509.Certificate:
        file = self._place / f"{name}.certificate.pem"
        if file.exists():
            return x509.load_pem_x509_certificate(file.read_bytes())
        signed_by = _named(owner) if issuer == name else self._certificate(issuer).subject
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_named(owner))
            .issuer_name(signed_by)
            .public_key(self._key(name).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - YEARS)
            .not_valid_after(now + YEARS)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .sign(self._key(issuer), hashes.SHA256())
        )
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return certificate

    def _certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(
            (self._place / f"{name}.certificate.pem").read_bytes()
        )

    def _hand_out(self) -> None:
        file = self._place / "merchant.p12"
        if not file.exists():
            sealed = serialization.BestAvailableEncryption(self._password.encode())
            file.write_bytes(
                pkcs12.serialize_key_and_certificates(
                    b"merchant", self._key("merchant"), self._merchants, None, sealed
                )
            )


def digest(fields: Mapping[str, str]) -> bytes:
    """The hexadecimal SHA-256 of every field but the signature, by name."""
    line = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "signature")
    return hashlib.sha256(line.encode()).hexdigest().encode()


def _named(owner: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner)])
