"""APIv3's keys, signatures and seals, from the platform's side."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from simulator import keys

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000000012026112500000000000001"
# The platform's own spoilt signatures, which a merchant must refuse.
PROBE = "WECHATPAY/SIGNTEST/"
#: One app of one merchant, and the serial of its certificate: names, no secrets.
MCHID, APPID = "1900000001", "wx8888888888888888"
MERCHANT_SERIAL = "5A1BC6D40F2E3A4B5C6D7E8F9012345678ABCDEF"
CLOCKS_APART_SECONDS = 300
CHINA = timezone(timedelta(hours=8))
_PART = re.compile(r'(\w+)="([^"]*)"')
_PARTS = {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}


class Platform:
    """Who signs: certificate 1, certificate 2 at a rotation, or the public key by its id."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._merchant = keys.rsa_key(place, "merchant").public_key()
        self._public = keys.rsa_key(place, "platform")
        self._api_v3_key = keys.secret(place, "api_v3_key").encode()
        self.sign_with("first")

    def sign_with(self, name: str) -> None:
        """From now on: certificate "first", certificate "second", or the "public" key."""
        if name != "public":
            self._certified(name)  # made now, so that no answer has to wait for it
        self.signs_with = name

    def certificates(self) -> list[x509.Certificate]:
        """Those in force; the second is told from the rotation on."""
        names = ["first"] if self.signs_with == "first" else ["first", "second"]
        return [self._certified(name)[1] for name in names]

    def headers(
        self, body: bytes, wanted: str, *, skew: float, wrong: bool = False
    ) -> dict[str, str]:
        """The signature of an answer or a notification, made now."""
        serial, key = self._signer(wanted)
        moment, nonce = str(int(time.time() + skew)), secrets.token_hex(16)
        said = f"{moment}\n{nonce}\n".encode() + body + b"\n"
        signed = base64.b64encode(key.sign(said, padding.PKCS1v15(), hashes.SHA256())).decode()
        return {
            "Wechatpay-Serial": serial,
            "Wechatpay-Timestamp": moment,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": PROBE + signed if wrong else signed,
            "Wechatpay-Signature-Type": SCHEME,
        }

    def knows(self, header: str, method: str, path: str, body: bytes, *, skew: float) -> bool:
        """Whether a request is the merchant's, dated by a clock that is about right."""
        scheme, _, rest = header.partition(" ")
        told = dict(_PART.findall(rest))
        if scheme != SCHEME or set(told) != _PARTS or not told["timestamp"].isdigit():
            return False
        if (told["mchid"], told["serial_no"].upper()) != (MCHID, MERCHANT_SERIAL):
            return False
        if abs(time.time() + skew - int(told["timestamp"])) > CLOCKS_APART_SECONDS:
            return False
        said = f"{method}\n{path}\n{told['timestamp']}\n{told['nonce_str']}\n".encode()
        try:
            raw = base64.b64decode(told["signature"], validate=True)
            self._merchant.verify(raw, said + body + b"\n", padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error):
            return False
        return True

    def sealed(self, content: bytes, about: str) -> dict[str, Any]:
        """AES-256-GCM under the merchant's APIv3 key."""
        nonce = secrets.token_hex(6)
        hidden = AESGCM(self._api_v3_key).encrypt(nonce.encode(), content, about.encode())
        return {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": about,
            "ciphertext": base64.b64encode(hidden).decode(),
        }

    def _signer(self, wanted: str) -> tuple[str, rsa.RSAPrivateKey]:
        if wanted == PUBLIC_KEY_ID or self.signs_with == "public":
            return PUBLIC_KEY_ID, self._public
        key, certificate = self._certified(self.signs_with)
        return serial_of(certificate), key

    def _certified(self, name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
        key = keys.rsa_key(self._place, f"platform-{name}")
        file = self._place / f"platform-{name}.crt"
        if not file.exists():
            file.write_bytes(_certificate(key).public_bytes(serialization.Encoding.PEM))
        return key, x509.load_pem_x509_certificate(file.read_bytes())


def serial_of(certificate: x509.Certificate) -> str:
    """As it is told: forty hexadecimal digits in upper case."""
    return f"{certificate.serial_number:040X}"


def china_time(moment: float) -> str:
    """RFC 3339 with the zone of China."""
    return datetime.fromtimestamp(int(moment), CHINA).isoformat()


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulated platform")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=5 * 365))
        .sign(key, hashes.SHA256())
    )
