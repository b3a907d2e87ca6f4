"""RSA keys as desks hand them out, and the one signature that is believed here: SHA-256,
PKCS#1 v1.5. Another digest, even a genuine one, is no signature.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

RSA_BITS_MIN = 2048


def private_key(text: str) -> rsa.RSAPrivateKey:
    """A PEM, or its bare base64 (PKCS#1 or PKCS#8). ValueError never shows the key."""
    key = _loaded(
        text,
        lambda pem: serialization.load_pem_private_key(pem, password=None),
        lambda der: serialization.load_der_private_key(der, password=None),
    )
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError("not an RSA private key of 2048 bits or more")
    return key


def public_key(text: str) -> rsa.RSAPublicKey:
    """A PEM or its bare base64, as ValueError or a key of 2048 bits or more."""
    key = _loaded(text, serialization.load_pem_public_key, serialization.load_der_public_key)
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError("not an RSA public key of 2048 bits or more")
    return key


def signed(key: rsa.RSAPrivateKey, message: bytes) -> str:
    """The signature in base64."""
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def is_signed_by(keys: Iterable[rsa.RSAPublicKey], message: bytes, signature: str) -> bool:
    """Whether one of these keys made it. While keys change, old and new are both given."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return any(_fits(key, message, raw) for key in keys)


def _fits(key: rsa.RSAPublicKey, message: bytes, raw: bytes) -> bool:
    try:
        key.verify(raw, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _loaded(
    text: str, pem: Callable[[bytes], object], der: Callable[[bytes], object]
) -> object | None:
    try:
        if "-----BEGIN" in text:
            return pem(text.encode())
        return der(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, TypeError):
        return None
