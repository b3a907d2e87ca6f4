"""A bank over TLS that cannot show who it is: nothing is sent to it, and nothing is decided."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from payments import registry
from payments.models import Payment
from tests.orders.story import fresh, pay
from tests.security.puppet import Puppet

pytestmark = [
    pytest.mark.django_db,
    # The bank of one of these tests speaks TLS 1.1, which Python rightly calls deprecated.
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning"),
]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
LOCALHOST = x509.IPAddress(ip_address("127.0.0.1"))


class Authority:
    """Signs certificates; the shop trusts it where a test says so."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        self.certificate = self._signed(self.key, self.name, NOW + DAY, [], of_authority=True)

    def certify(
        self, folder: Path, *, until: datetime = NOW + DAY, name: x509.GeneralName = LOCALHOST
    ) -> Path:
        """A key and its certificate in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank")])
        certificate = self._signed(key, subject, until, [name])
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file = folder / "bank.pem"
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def _signed(
        self,
        key: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        until: datetime,
        names: list[x509.GeneralName],
        *,
        of_authority: bool = False,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 30 * DAY)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=of_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def speaks_old_tls(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Authority:
    """An authority that the shop's HTTP client knows, as it knows those of the world."""
    authority = Authority()
    known = tmp_path / "authorities.pem"
    known.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setattr("certifi.where", lambda: str(known))
    return authority


@pytest.fixture
def somebody(settings: Any) -> Iterator[Puppet]:
    """Who answers where the bank should; the shop's only gateway leads there."""
    with Puppet() as puppet:
        told = settings.PAYMENT_GATEWAYS["sandbox"]
        options = told["options"] | {"base_url": f"https://127.0.0.1:{puppet.port}"}
        settings.PAYMENT_GATEWAYS = {"sandbox": told | {"options": options}}
        registry.gateway.cache_clear()
        yield puppet
    registry.gateway.cache_clear()


def encrypt(puppet: Puppet, file: Path, change: Any = None) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if change:
        change(context)
    puppet.server.socket = context.wrap_socket(puppet.server.socket, server_side=True)


def test_a_bank_that_shows_who_it_is_is_asked(order, somebody, trusted, tmp_path):
    """Without this the refusals below could come from anything."""
    encrypt(somebody, trusted.certify(tmp_path))
    pay(order)
    assert somebody.requests == 1


@pytest.mark.parametrize("name", ["self-signed", "expired", "another host", "TLS 1.1"])
def test_a_bank_that_cannot_show_who_it_is_is_told_nothing(
    order, somebody, trusted, tmp_path, name
):
    elsewhere = x509.DNSName("bank.example")
    files = {
        "self-signed": lambda: Authority().certify(tmp_path),
        "expired": lambda: trusted.certify(tmp_path, until=NOW - DAY),
        "another host": lambda: trusted.certify(tmp_path, name=elsewhere),
        "TLS 1.1": lambda: trusted.certify(tmp_path),
    }
    encrypt(somebody, files[name](), speaks_old_tls if name == "TLS 1.1" else None)
    pay(order)
    assert somebody.requests == 0
    assert Payment.objects.get().state == "unknown"
    assert fresh(order).state == "paying"
