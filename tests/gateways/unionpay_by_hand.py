"""UnionPay's signatures once more, from the protocol's text alone: the second opinion of the tests.

Imports nothing of the adapter and nothing of the simulator. It also makes what forgers make.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

UNIONPAY = "041@8310000000083040@中国银联股份有限公司@00016494"
SOMEBODY = "041@8310000000099999@某某商贸有限公司@00016495"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def line(fields: Iterable[tuple[str, str]]) -> str:
    """Sort by name, join by `=` and `&`, leave `signature` out."""
    kept = sorted(pair for pair in fields if pair[0] != "signature")
    return "&".join("=".join(pair) for pair in kept)


def twice_hashed(fields: dict[str, str]) -> bytes:
    """RSA-SHA256 will hash once more what this gives: the first hash in hexadecimal."""
    return hashlib.new("sha256", line(fields.items()).encode("utf-8")).hexdigest().encode("ascii")


def read(answer: str) -> dict[str, str]:
    """An answer's text: no percent signs, the first `=` ends the name."""
    return dict(part.split("=", 1) for part in answer.split("&"))


def verify(fields: dict[str, str], middle: x509.Certificate, root: x509.Certificate) -> None:
    """Raises unless UnionPay signed it: name, leaf by middle, middle by root, then the words."""
    leaf = x509.load_pem_x509_certificate(fields["signPubKeyCert"].encode())
    for issued, issuer in ((leaf, middle), (middle, root), (root, root)):
        key = issuer.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        assert issued.issuer == issuer.subject
        algorithm = issued.signature_hash_algorithm
        assert algorithm is not None
        key.verify(issued.signature, issued.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)
    (name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert str(name.value).split("@")[2] == "中国银联股份有限公司"
    key = leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature = base64.b64decode(fields["signature"])
    key.verify(signature, twice_hashed(fields), padding.PKCS1v15(), hashes.SHA256())


class Issuer:
    """Somebody with a key and a certificate who signs messages and other certificates."""

    def __init__(
        self,
        owner: str,
        issuer: Issuer | None = None,
        *,
        since: datetime = NOW - 30 * DAY,
        until: datetime = NOW + 30 * DAY,
    ) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner)])
        by = issuer or self
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(by.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .sign(by.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def signed(self, fields: dict[str, str]) -> dict[str, str]:
        told = {**fields, "signPubKeyCert": self.pem}
        signature = self.key.sign(twice_hashed(told), padding.PKCS1v15(), hashes.SHA256())
        return {**told, "signature": base64.b64encode(signature).decode()}
