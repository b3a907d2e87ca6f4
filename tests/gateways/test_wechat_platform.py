"""Whose signatures are believed: certificates, a public key, or both at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base
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


def test_certificates_that_are_out_of_date_are_not_believed(bank, line):
    for years in (-1, 6):
        clock = datetime.now(UTC) + timedelta(days=366 * years)
        gateway = certified(bank, line, clock=lambda clock=clock: clock)
        with pytest.raises(base.Unknown):
            gateway.query(named(wish()))
