"""An authority of a test's own, and what it certifies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


def key_pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Authority:
    """`pem` is its own certificate."""

    def __init__(self) -> None:
        self.key = key_pair()
        self.pem = self._signed(self.key, self.key, "Authority of the tests", None)

    def certify(self, key: rsa.RSAPrivateKey, name: str, until: datetime | None = None) -> bytes:
        return self._signed(key, self.key, name, until)

    def pem_of(self, key: rsa.RSAPrivateKey, name: str) -> bytes:
        """Signed by nobody but itself."""
        return self._signed(key, key, name, None, ca=False)

    def _signed(
        self, key: rsa.RSAPrivateKey, by: rsa.RSAPrivateKey, name: str, until: datetime | None,
        ca: bool | None = None,
    ) -> bytes:  # fmt: skip
        is_ca, now = key is by if ca is None else ca, datetime.now(UTC)
        issuer = "Authority of the tests" if by is self.key else name
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * DAY)
            .not_valid_after(until or now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_ca, key_cert_sign=is_ca, crl_sign=is_ca, **usage
                ),
                critical=True,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()),
                critical=False,
            )
        )
        if not is_ca:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
            ).add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
        return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
