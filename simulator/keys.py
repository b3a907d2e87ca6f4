"""Keys and secrets of the simulated gateways: made at the first start, kept beside the ledger.

`<data>/keys/<gateway>/` is what a real gateway's desk would hand out: whoever sets up a shop
beside this bank reads it there. Nothing in it is worth stealing.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

RSA_BITS = 2048


def folder(data: Path, gateway: str) -> Path:
    """Where this gateway's keys lie."""
    place = data / "keys" / gateway
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def secret(place: Path, name: str, *, length: int = 32, prefix: str = "") -> str:
    """A shared secret of letters and digits, the same at every start."""
    file = place / "secrets.json"
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if name not in known:
        alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
        known[name] = prefix + "".join(secrets.choice(alphabet) for _ in range(length))
        file.write_text(json.dumps(known, indent=2))
    return known[name]


def rsa_key(place: Path, name: str) -> rsa.RSAPrivateKey:
    """A private key, the same at every start; its public half lies beside it as a PEM."""
    file = place / f"{name}.pem"
    if file.exists():
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{file} holds no RSA key")
        return key
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (place / f"{name}.public.pem").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return key
