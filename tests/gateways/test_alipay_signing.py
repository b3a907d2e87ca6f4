"""What exactly is signed: strings written down by hand, and RSA by plain arithmetic."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from payments.gateways import rsa_keys, yuan
from payments.gateways.alipay_signing import notification_string, opened, request_string

# DER of "SHA-256" before a PKCS#1 v1.5 digest (RFC 8017, 9.2 note 1).
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
FIELDS = {"b": "2", "a": "茶 +&=", "sign": "S", "sign_type": "RSA2", "empty": "", "B": "1"}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_a_request_is_signed_without_empty_values_and_with_its_sign_type():
    assert request_string(FIELDS) == "B=1&a=茶 +&=&b=2&sign_type=RSA2"


def test_a_notification_is_signed_with_empty_values_and_without_its_sign_type():
    assert notification_string(FIELDS) == "B=1&a=茶 +&=&b=2&empty="


def test_a_signature_is_pkcs1_over_sha256_by_plain_arithmetic(key):
    message = b"app_id=1&biz_content={}"
    raw = base64.b64decode(rsa_keys.signed(key, message))
    numbers = key.public_key().public_numbers()
    block = pow(int.from_bytes(raw), numbers.e, numbers.n).to_bytes(256)
    digest = SHA256_PREFIX + hashlib.sha256(message).digest()
    assert block == b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest


@pytest.mark.parametrize("digest", [hashes.SHA1, hashes.SHA512], ids=["SHA-1", "SHA-512"])
def test_a_genuine_signature_by_another_digest_is_none(key, digest):
    raw = key.sign(b"message", padding.PKCS1v15(), digest())
    pss = key.sign(b"message", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    for made in (raw, pss, b"", b"short"):
        encoded = base64.b64encode(made).decode()
        assert not rsa_keys.is_signed_by([key.public_key()], b"message", encoded)
    assert rsa_keys.is_signed_by([key.public_key()], b"message", rsa_keys.signed(key, b"message"))


def test_the_inner_object_is_taken_as_it_came():
    inner = '{ "msg" : "a } \\" sign { 茶 \\u8336", "list":[{"a":"}"}] , "code":"10000" }'
    body = f' {{"sign" : "c2ln" ,\n"alipay_trade_query_response": {inner} }}\n'.encode()
    told, exact, signature = opened(body, "alipay_trade_query_response")
    assert exact == inner.encode()
    assert (told["code"], told["list"], signature) == ("10000", [{"a": "}"}], "c2ln")


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"r":{}}', b'{"r":{},"sign":1}', b'{"r":[],"sign":"s"}',
     b'{"r":{},"sign":"s"}x', b'{"r":{},"r":{},"sign":"s"}', b'{"r":{"a":NaN},"sign":"s"}',
     b'{"r":{},"sign":"s"', b'{"r":{},,"sign":"s"}', b'{r:{},"sign":"s"}', b'{"r" {},"sign":"s"}',
     b'{"error_response":{},"sign":"s"}', b'{"r":' + b"[" * 60_000, b"\xff", b'{1:{},"sign":"s"}'],
)  # fmt: skip
def test_anything_else_is_not_opened(body):
    with pytest.raises((ValueError, KeyError)):
        opened(body, "r")


@pytest.mark.parametrize(
    ("text", "minor"),
    [("0", 0), ("0.01", 1), ("0.1", 10), ("1", 100), ("25.00", 2500), ("100000000.00", 10**10)],
)
def test_yuan_are_read_exactly(text, minor):
    assert yuan.in_fen(text) == minor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "01",
        "1.",
        ".5",
        "1.001",
        "1e2",
        " 1",
        "1\n",
        "١",
        "1,00",
        None,
        1,
        1.0,
        True,
    ],
)
def test_no_other_amount_is_read(text):
    with pytest.raises(ValueError, match="yuan"):
        yuan.in_fen(text)


@pytest.mark.parametrize("minor", [1, 10, 99, 100, 12_345, 10**10])
def test_yuan_are_written_as_they_are_read(minor):
    assert yuan.in_fen(yuan.in_yuan(minor)) == minor
