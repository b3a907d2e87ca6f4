"""WeChat Pay's bill: two days there make one of ours, and a file is what its digest says."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta

import pytest

from payments.gateways import base
from payments.gateways import wechat_bill as bill
from payments.gateways.wechat import WechatGateway
from payments.gateways.yuan import bill_made_at, days_in_china
from simulator.wechat.signing import MCHID
from tests.bank import Bank
from tests.gateways.past import living_at
from tests.gateways.wechat import gateway_of, giving_back, paid

DAY = (datetime.now(UTC) - timedelta(days=5)).date()
HEAD = "交易时间,商户号,微信订单号,商户订单号,交易状态,货币种类,手续费,订单金额"
LINE = f"`2026-11-20 08:00:00,`{MCHID},`4200000001,`REFERENCE1,`SUCCESS,`CNY,`0.12500,`25.00"
SUMMARY = "总交易单数,订单总金额\r\n`1,`25.00\r\n"
BILL = f"{HEAD}\r\n{LINE}\r\n{SUMMARY}"


@pytest.fixture
def gateway(bank: Bank) -> WechatGateway:
    return gateway_of(bank)


def test_a_day_of_ours_is_read_from_two_days_there(bank, gateway):
    moments = [
        datetime.combine(DAY, time(0, 30), UTC),
        datetime.combine(DAY, time(15, 30), UTC),  # still this day in China
        datetime.combine(DAY, time(16, 30), UTC),  # the next day there
        datetime.combine(DAY + timedelta(days=1), time(0, 30), UTC),
    ]
    references = []
    for moment in moments:
        with living_at(bank, moment):
            references.append(paid(bank, gateway).reference)
    rows = gateway.statement(DAY)
    assert [row.reference for row in rows] == references[:3]
    assert {(row.kind, row.amount_minor, row.currency, row.fee_minor) for row in rows} == {
        ("charge", 2500, "CNY", 62)
    }
    for row, moment in zip(rows, moments, strict=False):
        assert abs(row.at - moment) < timedelta(minutes=5)
    ledger = {row["reference"]: row["transaction_id"] for row in bank.ledger()}
    assert all(ledger[row.reference] == row.transaction_id for row in rows)


def test_a_refund_stands_beside_its_payment_and_one_that_came_back_does_not(bank, gateway):
    with living_at(bank, datetime.combine(DAY, time(12), UTC)):
        payment = paid(bank, gateway)
        refund = giving_back(payment, 700)
        gateway.refund(refund)
        bank.faults(refund_fail_late=1, refund_delay=0)
        gateway.refund(giving_back(payment, 300))
        gateway.query_refund(refund)
    charge, back = gateway.statement(DAY)
    assert (charge.kind, back.kind) == ("charge", "refund")
    assert (back.reference, back.refund_reference) == (payment.reference, refund.reference)
    assert (back.amount_minor, back.transaction_id) == (700, payment.transaction_id)


def test_a_day_without_movements_is_empty(gateway):
    assert gateway.statement(DAY) == []


def test_a_bill_that_is_not_made_yet_is_unknown(bank, gateway):
    with pytest.raises(base.Unknown, match="not made"):
        gateway.statement(datetime.now(UTC).date())


@pytest.mark.parametrize("knob", ["bad_signature", "broken_answer", "error_before", "lose_answer"])
def test_a_disturbed_bill_is_unknown(bank, gateway, knob):
    bank.faults(**{knob: 1})
    with pytest.raises(base.Unknown):
        gateway.statement(DAY)


def test_one_day_of_ours_is_two_there_and_both_bills_are_made_the_morning_after():
    assert days_in_china(date(2026, 12, 31)) == (date(2026, 12, 31), date(2027, 1, 1))
    assert bill_made_at(date(2026, 12, 31)) == datetime(2027, 1, 1, 2, tzinfo=UTC)


def read(content: str, digest: str = "", hash_type: str = "SHA1") -> list[base.StatementRow]:
    raw = content.encode()
    told = {"hash_type": hash_type, "hash_value": digest or hashlib.sha1(raw).hexdigest()}
    return bill.rows(raw, told, "SUCCESS", MCHID)


def test_a_bill_is_read_line_by_line():
    (row,) = read("\ufeff" + BILL)
    assert (row.reference, row.amount_minor, row.fee_minor) == ("REFERENCE1", 2500, 13)
    assert row.at == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEAD,
        f"{HEAD}\r\n{LINE}",
        f"{HEAD}\r\n{LINE}\r\n{LINE}\r\n{SUMMARY}",
        BILL.replace("`CNY,", ""),
        BILL.replace("`25.00\r\n总", "`25.001\r\n总"),
        BILL.replace("0.12500", "NaN"),
        BILL.replace(MCHID, "1900000009"),
        BILL.replace(",订单金额\r\n", ",金额\r\n"),
    ],
)
def test_a_bill_of_another_shape_is_not_read(content):
    with pytest.raises((ValueError, KeyError, IndexError)):
        read(content)


def test_a_bill_with_another_digest_is_not_read():
    with pytest.raises(ValueError, match="told of"):
        read(BILL, digest="0" * 40)
    with pytest.raises(ValueError, match="told of"):
        read(BILL, hash_type="MD5")


@pytest.mark.parametrize(
    "url", ["http://elsewhere.example/wechat/v3/bill", "file:///etc/passwd", "", None, 7]
)
def test_a_file_at_another_address_is_not_fetched(gateway, url):
    with pytest.raises(base.Unknown, match="address"):
        gateway._talk.file(url)
