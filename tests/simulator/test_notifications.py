"""The post: signed, repeated until acknowledged, and disturbed on purpose."""

from __future__ import annotations

import time

import pytest

from tests.bank import Bank
from tests.simulator.ear import wait_for
from tests.simulator.merchant import Merchant


def test_a_payment_is_announced_once_and_signed(bank, merchant, ear):
    payment = merchant.paid()
    heard = ear.hears(1)[0]
    assert heard.is_signed_with(bank.webhook_secret)
    assert heard.event["type"] == "payment.paid"
    assert heard.event["merchant"] == bank.merchant
    assert heard.event["reference"] == heard.event["payment_reference"] == payment["reference"]
    wait_for(lambda: not bank.notifications()[0]["waiting"])
    assert len(ear.heard) == 1


def test_a_notification_comes_again_until_it_is_acknowledged(bank, merchant, ear):
    ear.answers = [500, 404, 302]
    merchant.paid()
    ear.hears(4)
    wait_for(lambda: not bank.notifications()[0]["waiting"])
    assert len({heard.event["id"] for heard in ear.heard}) == 1
    assert len(ear.heard) == bank.notifications()[0]["tries"] == 4


def test_a_shop_that_cannot_be_reached_hears_of_it_later(bank, merchant, ear):
    payment = merchant.opened(notify_url="http://127.0.0.1:9/nobody")
    bank.pay(payment["reference"])
    wait_for(lambda: bank.notifications()[0]["tries"] >= 2)
    assert bank.notifications()[0]["waiting"] is True


@pytest.mark.parametrize(
    ("method", "act", "kind"),
    [
        ("qr", "decline", "payment.declined"),
        ("card", "decline", "payment.attempt_failed"),
        ("qr", "close", "payment.closed"),
    ],
)
def test_what_happens_to_a_payment_is_announced(bank, merchant, ear, method, act, kind):
    reference = merchant.opened(method)["reference"]
    if act == "close":
        merchant.close(reference, method)
    else:
        bank.decline(reference)
    ear.hears(1)
    assert ear.types() == [kind]


def test_a_refund_is_announced_under_its_own_reference(merchant, ear):
    payment = merchant.paid()
    ear.hears(1)
    refund = merchant.refund(payment, 100).json()
    event = ear.hears(2)[1].event
    assert event["type"] == "refund.done"
    assert event["reference"] == refund["reference"]
    assert event["payment_reference"] == payment["reference"]


def test_a_lost_notification_never_comes(bank, merchant, ear):
    bank.faults(lose_notification=1)
    merchant.paid()
    bank.faults()
    merchant.paid()
    ear.hears(1)
    wait_for(lambda: not any(n["waiting"] for n in bank.notifications()))
    assert len(ear.heard) == 1
    assert [n["tries"] for n in bank.notifications()] == [0, 1]


def test_a_duplicated_notification_comes_twice_with_one_id(bank, merchant, ear):
    bank.faults(duplicate_notification=1)
    merchant.paid()
    first, second = ear.hears(2)
    assert first.event == second.event


def test_a_reordered_notification_is_overtaken(bank, merchant, ear):
    bank.faults(reorder_notification=1, at_most=1)
    payment = merchant.paid()
    merchant.refund(payment, 100)
    ear.hears(2)
    assert ear.types() == ["refund.done", "payment.paid"]


def test_a_late_notification_comes_late(bank, merchant, ear):
    bank.faults(late_notification=10)  # times the test's factor of 0.05
    began = time.monotonic()
    merchant.paid()
    ear.hears(1)
    assert time.monotonic() - began >= 0.5


def test_a_notification_can_carry_a_wrong_signature(bank, merchant, ear):
    bank.faults(bad_notification_signature=1)
    merchant.paid()
    assert not ear.hears(1)[0].is_signed_with(bank.webhook_secret)


def test_a_shop_at_a_loopback_address_is_found_from_a_container_of_the_banks_own(ear, monkeypatch):
    monkeypatch.setenv("BANK_SHOP_URL", ear.url.removesuffix("/webhooks/sandbox/"))
    with Bank() as bank:
        # Nobody listens at this port: that is the other container.
        Merchant(bank, "http://localhost:1/webhooks/sandbox/").paid()
        assert ear.hears(1)[0].event["type"] == "payment.paid"
        assert ear.paths == ["/webhooks/sandbox/"]


def test_an_address_of_the_world_is_asked_as_it_was_told(ear, monkeypatch):
    monkeypatch.setenv("BANK_SHOP_URL", ear.url.removesuffix("/webhooks/sandbox/"))
    with Bank() as bank:
        Merchant(bank, "http://shop.invalid/webhooks/sandbox/").paid()
        wait_for(lambda: bank.notifications()[0]["tries"] > 0)
        assert ear.heard == []


def test_a_notification_can_be_sent_again_by_hand(bank, merchant, ear):
    merchant.paid()
    ear.hears(1)
    wait_for(lambda: not bank.notifications()[0]["waiting"])
    notification = bank.notifications()[0]["id"]
    assert bank.client.post(f"/notifications/{notification}/resend").json() == {"sent": 1}
    assert len({heard.event["id"] for heard in ear.hears(2)}) == 1
    assert bank.client.post("/notifications/evt_none/resend").status_code == 404
