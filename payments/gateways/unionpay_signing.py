"""UnionPay's signatures (ACP 5.1.0, signMethod 01): whose a message is, and who vouches for it.

The signature is RSA-SHA256 over the hexadecimal SHA-256 of the sorted `name=value&…` text. The
certificate that verifies it travels inside the message, so it proves nothing by itself: it must
be issued by the configured middle authority, that one by the configured root, and bear
UnionPay's name.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
from cryptography.x509.oid import NameOID

# The third part of a signing certificate's common name; its test system signs as
# "00040000:SIGN" (provider's sample).
UNIONPAY = "中国银联股份有限公司"
# UnionPay has one signing certificate at a time, and two while it changes.
BELIEVED_MAX = 8


class NotGenuine(Exception):
    """Signed by nobody whom we believe."""


class Seal:
    """The merchant's key and certificate, from the PKCS#12 file that UnionPay hands out."""

    def __init__(self, pkcs12: bytes, password: str) -> None:
        key, certificate, _ = load_key_and_certificates(pkcs12, password.encode())
        if not isinstance(key, RSAPrivateKey) or certificate is None:
            raise ValueError("the merchant's file has no RSA key with its certificate")
        self._key = key
        # UnionPay names certificates by their serial number as a decimal.
        self.certificate_id = str(certificate.serial_number)

    def signed(self, fields: Mapping[str, str]) -> dict[str, str]:
        """The message with certId and signature."""
        told = {**fields, "certId": self.certificate_id}
        signature = self._key.sign(digest(told), PKCS1v15(), SHA256())
        return {**told, "signature": base64.b64encode(signature).decode()}


class Trust:
    """Who may sign for UnionPay. Several middle or root certificates stand side by side while
    they change."""

    def __init__(self, middle: str, root: str, owner: str = UNIONPAY) -> None:
        roots = x509.load_pem_x509_certificates(root.encode())
        self._chains = [
            (certificate, issuer)
            for certificate in x509.load_pem_x509_certificates(middle.encode())
            for issuer in roots
            if _is_issued_by(certificate, issuer)
        ]
        if not (self._chains and owner):
            raise ValueError("no middle certificate is issued by a root certificate")
        self._owner = owner
        # Certificate as told -> its key and until when the whole chain is valid.
        self._believed: dict[str, tuple[RSAPublicKey, datetime]] = {}

    def check(self, fields: Mapping[str, str], now: datetime) -> None:
        """Raises NotGenuine."""
        try:
            signature = base64.b64decode(fields["signature"], validate=True)
            self._key(fields["signPubKeyCert"], now).verify(
                signature, digest(fields), PKCS1v15(), SHA256()
            )
        except (KeyError, ValueError, InvalidSignature) as problem:
            raise NotGenuine(type(problem).__name__) from problem

    def _key(self, told: str, now: datetime) -> RSAPublicKey:
        """The key of a certificate that is UnionPay's, or ValueError."""
        known = self._believed.get(told)
        if known is None or now > known[1]:
            known = self._examine(x509.load_pem_x509_certificate(told.encode()), now)
            if len(self._believed) >= BELIEVED_MAX:
                self._believed.clear()
            self._believed[told] = known
        return known[0]

    def _examine(
        self, certificate: x509.Certificate, now: datetime
    ) -> tuple[RSAPublicKey, datetime]:
        if _owner(certificate) != self._owner:
            raise ValueError("the certificate is somebody else's")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError("the certificate has no RSA key")
        for middle, root in self._chains:
            chain = (certificate, middle, root)
            if all(_is_valid(one, now) for one in chain) and _is_issued_by(certificate, middle):
                return key, min(one.not_valid_after_utc for one in chain)
        raise ValueError("no authority of ours vouches for the certificate now")


def digest(fields: Mapping[str, str]) -> bytes:
    """What is signed: the hexadecimal SHA-256 of all fields but the signature, sorted."""
    return hashlib.sha256(canonical(fields).encode()).hexdigest().encode()


def canonical(fields: Mapping[str, str]) -> str:
    """`name=value&…`, sorted by name, values as they are; empty ones stay."""
    named = ((name, value) for name, value in fields.items() if name != "signature")
    return "&".join(f"{name}={value}" for name, value in sorted(named))


def _owner(certificate: x509.Certificate) -> str:
    """`041@8310000000083040@中国银联股份有限公司@00016494` belongs to its third part."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    parts = str(names[0].value).split("@") if len(names) == 1 else []
    return parts[2] if len(parts) > 2 else ""


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
