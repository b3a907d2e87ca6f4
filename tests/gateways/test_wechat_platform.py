"""Whose signatures are believed: certificates, a public key, or both at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from payments.gateways import base
from payments.gateways.wechat_platform import PlatformKeys
from payments.gateways.wechat_signing import Seal
from simulator.wechat.signing import PUBLIC_KEY_ID, Platform, serial_of
from tests.bank import Bank
from tests.gateways.post import PostBox
from tests.gateways.rows import shows
from tests.gateways.wechat import api_v3_key, gateway_of, named, signs_with, wish
from tests.payments.line import Line

CERTIFICATES = "GET /wechat/v3/certificates"


@pytest.fixture(autouse=True)
def first_certificate(bank: Bank) -> Iterator[None]:
    signs_with(bank, "first")
    yield
    signs_with(bank, "first")


@pytest.fixture
def line(bank: Bank) -> Iterator[Line]:
    """Counts what is asked on the way to the bank."""
    with Line(bank.port) as line:
        yield line


def certified(bank: Bank, line: Line, **changes):
    """An adapter in certificate mode."""
    changes = {"platform_public_keys": {}, "base_url": f"{line.url}/wechat"} | changes
    return gateway_of(bank, **changes)


def test_certificates_are_asked_for_once(bank, line):
    gateway = certified(bank, line)
    for _ in range(3):
        gateway.create(wish())
    assert line.count(CERTIFICATES) == 1


@shows("wechat", "rotation")
def test_while_certificates_change_old_and_new_are_believed(bank, line):
    gateway = certified(bank, line, certificates_every_seconds=0)
    gateway.create(wish())
    with PostBox(gateway.acknowledgement) as box:
        bank.faults(late_notification=10)
        request = wish(notify_url=box.url)
        gateway.create(request)
        bank.pay(request.reference)
        bank.faults()
        signs_with(bank, "second")
        assert gateway.query(named(request)).state is base.State.CAPTURED
        assert line.count(CERTIFICATES) == 2
        assert gateway.parse_notification(box.gets(1)[0])
    signs_with(bank, "first")
    assert gateway.create(wish()).state is base.State.PENDING
    assert line.count(CERTIFICATES) == 2


def test_from_certificates_to_a_public_key_both_are_believed(bank, line):
    both = gateway_of(bank, base_url=f"{line.url}/wechat")
    with PostBox(both.acknowledgement) as box:
        # Its answers come by the key that it asks for, its notifications by a certificate still.
        request = wish(notify_url=box.url)
        both.create(request)
        bank.pay(request.reference)
        assert both.parse_notification(box.gets(1)[0])
    signs_with(bank, "public")
    assert both.create(wish()).state is base.State.PENDING
    assert line.count(CERTIFICATES) == 1


def test_a_public_key_alone_never_asks_for_certificates(bank, line):
    gateway = gateway_of(bank, base_url=f"{line.url}/wechat", certificates=False)
    assert gateway.create(wish()).state is base.State.PENDING
    assert line.count(CERTIFICATES) == 0


def test_an_unknown_serial_is_a_reason_to_ask_only_now_and_then(bank, line):
    gateway = certified(bank, line)
    gateway.create(wish())
    signs_with(bank, "second")
    for _ in range(3):
        with pytest.raises(base.Unknown, match="signature"):
            gateway.create(wish())
    assert line.count(CERTIFICATES) == 1
    # A minute later, by its own clock.
    later = certified(bank, line, clock=lambda: datetime.now(UTC) + timedelta(seconds=120))
    assert later.create(wish()).state is base.State.PENDING


def test_a_notification_by_an_unknown_serial_makes_us_ask_for_nothing(bank, line):
    gateway = certified(bank, line, certificates_every_seconds=0)
    with PostBox(gateway.acknowledgement) as box:
        request = wish(notify_url=box.url)
        gateway_of(bank).create(request)
        bank.pay(request.reference)
        heard = box.gets(1)[0]
    with pytest.raises(base.NotificationRefused, match="signature") as refused:
        gateway.parse_notification(heard)
    assert refused.value.status == 401
    assert line.asked == []


def test_certificates_under_another_api_key_are_not_believed(bank, line):
    gateway = certified(bank, line, api_v3_keys=("x" * 32,))
    with pytest.raises(base.Unknown):
        gateway.create(wish())
    rolling = certified(bank, line, api_v3_keys=("x" * 32, api_v3_key(bank)))
    assert rolling.create(wish()).state is base.State.PENDING


def told_by(platform: Platform, signer: str = "") -> tuple[bytes, Seal]:
    """An answer of /v3/certificates, signed by one of them or by the public key."""
    rows = [
        {
            "serial_no": serial_of(certificate),
            "encrypt_certificate": platform.sealed(
                certificate.public_bytes(Encoding.PEM), "certificate"
            ),
        }
        for certificate in platform.certificates()
    ]
    body = json.dumps({"data": rows}).encode()
    headers = platform.headers(body, signer, skew=0)
    return body, Seal.of({name.lower(): value for name, value in headers.items()})


def test_a_certificate_is_believed_while_it_is_in_force(bank):
    moments = [datetime.now(UTC)]
    platform = Platform(bank.keys("wechat"))
    known = PlatformKeys({}, certificates=True, every_seconds=0, clock=lambda: moments[-1])
    body, seal = told_by(platform)
    known.learn(body, seal, (api_v3_key(bank).encode(),))
    assert known.of(seal.serial)
    assert known.of(seal.serial.lower())
    assert known.of(f"00{seal.serial}")
    assert not known.of("")
    for years in (-1, 6):
        moments.append(datetime.now(UTC) + timedelta(days=366 * years))
        assert not known.of(seal.serial)


def test_certificates_that_none_of_them_signed_are_not_believed(bank):
    now = datetime.now(UTC)
    platform = Platform(bank.keys("wechat"))
    known = PlatformKeys({}, certificates=True, every_seconds=0, clock=lambda: now)
    body, seal = told_by(platform, PUBLIC_KEY_ID)
    secret = (api_v3_key(bank).encode(),)
    with pytest.raises(ValueError, match="none of them"):
        known.learn(body, seal, secret)
    good_body, good = told_by(platform)
    with pytest.raises(ValueError, match="none of them"):
        known.learn(good_body + b" ", good, secret)
    stale = replace(good, timestamp=str(int(good.timestamp) - 302))
    with pytest.raises(ValueError, match="none of them"):
        known.learn(good_body, stale, secret)
    assert not known.of(good.serial)
