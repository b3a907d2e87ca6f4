"""The merchant's account: credentials, the webhook, and the certificates that sign for it.

A root of our own certifies the key that signs notifications; `anchor.pem` is the root, which a
shop beside this bank believes instead of the world's authorities.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from simulator import keys

CERTIFICATE_NAME = "messageverificationcerts.paypal.example"
CERTIFICATE_HOST = "certificates.paypal.example"
CERTIFICATE_PATH = "/v1/notifications/certs/CERT-51b1a7ed-00000001"
AUTHORITY = "Simulated authority"
TOKEN_SECONDS = 32_400
DAY = timedelta(days=1)


class Account:
    """What the dashboard would show lies in `secrets.json` and `anchor.pem`."""

    def __init__(self, data: Path) -> None:
        self._place = keys.folder(data, "paypal")
        self.client_id = keys.secret(self._place, "client_id", length=40)
        self.client_secret = keys.secret(self._place, "client_secret", length=40)
        self.merchant_id = keys.secret(self._place, "merchant_id", length=13).upper()
        self.webhook_id = keys.secret(self._place, "webhook_id", length=17).upper()
        self.signing_key = keys.rsa_key(self._place, "signing")
        self.certificate = self._certificate()
        self._tokens: dict[str, float] = {}

    @cached_property
    def wrong_key(self) -> rsa.RSAPrivateKey:
        """What the knob for bad signatures signs with."""
        return rsa.generate_private_key(public_exponent=65537, key_size=keys.RSA_BITS)

    @property
    def endpoint(self) -> str:
        """The shop's webhook address; empty until one is set."""
        file = self._place / "endpoint.txt"
        return file.read_text().strip() if file.exists() else ""

    def set_endpoint(self, url: str) -> None:
        (self._place / "endpoint.txt").write_text(url)

    def new_token(self) -> str:
        token = f"A21AA{secrets.token_urlsafe(40)}"
        self._tokens[token] = time.monotonic() + TOKEN_SECONDS
        return token

    def knows(self, token: str) -> bool:
        return self._tokens.get(token, 0) > time.monotonic()

    def forget_tokens(self) -> int:
        """Every token ends now, as when a dashboard revokes them; how many there were."""
        count = len(self._tokens)
        self._tokens.clear()
        return count

    def _certificate(self) -> bytes:
        anchor, leaf = self._place / "anchor.pem", self._place / "certificate.pem"
        if not anchor.exists() or not leaf.exists():
            # It certifies once, and is forgotten.
            root_key = ec.generate_private_key(ec.SECP256R1())
            anchor.write_bytes(_certified(root_key, root_key, AUTHORITY))
            leaf.write_bytes(_certified(self.signing_key, root_key, CERTIFICATE_NAME))
        return leaf.read_bytes()


def _certified(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    subject: str,
) -> bytes:
    """A certificate as the web's rules want it: of an authority where it signs itself."""
    is_root, now = key is by, datetime.now(UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(AUTHORITY))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A demo may live through its past.
        .not_valid_before(now - 400 * DAY)
        .not_valid_after(now + 3650 * DAY)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usage
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
    )
    if not is_root:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
