"""Only UnionPay's own word about this very request is a no; everything else is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import base, unionpay_statement
from payments.gateways import unionpay_answers as answers
from payments.gateways.unionpay import UnionpayGateway
from tests.bank import Bank
from tests.gateways.rows import shows
from tests.gateways.unionpay import gateway_of, giving_back, named, opened, paid, wish
from tests.gateways.unionpay_by_hand import NOW
from tests.payments.sandbox import Impostor


@pytest.fixture
def gateway(bank: Bank) -> UnionpayGateway:
    return gateway_of(bank)


@shows("unionpay", "wrong-merchant")
@pytest.mark.parametrize(
    "knob",
    ["lose_answer", "error_before", "error_after", "late_request", "bad_signature",
     "broken_answer", "wrong_merchant", "wrong_reference"],
)  # fmt: skip
def test_a_disturbed_answer_is_unknown(bank, gateway, knob):
    payment = paid(bank, gateway)
    refund = giving_back(payment, 100)
    gateway.refund(refund)
    request = wish()
    calls = (
        lambda: gateway.create(request),
        lambda: gateway.query(payment),
        lambda: gateway.close(payment),
        lambda: gateway.refund(refund),
        lambda: gateway.query_refund(refund),
    )
    bank.faults(**{knob: 1})
    for call in calls:
        with pytest.raises(base.Unknown):
            call()
    bank.faults()
    for call in calls:
        call()
    assert bank.net(payment.reference) == 2400


def test_a_statement_that_is_disturbed_is_unknown(bank, gateway):
    for knob in ("lose_answer", "bad_signature", "broken_answer", "wrong_merchant"):
        bank.faults(**{knob: 1})
        with pytest.raises(base.Unknown):
            gateway.statement(datetime.now(UTC).date())


@shows("unionpay", "busy")
@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Oops", "503 Busy", "404 No"])
def test_an_answer_that_nobody_signed_is_unknown(bank, status):
    answer = f"HTTP/1.1 {status}\r\nContent-Length: 12\r\n\r\nrespCode=34&".encode()
    with Impostor(answer) as url, pytest.raises(base.Unknown):
        gateway_of(bank, base_url=url).query(named(wish()))


def test_a_refused_create_is_a_final_no(bank, gateway):
    bank.faults(refuse_create=1)
    with pytest.raises(base.Refused, match="unionpay_01"):
        gateway.create(wish())
    bank.faults()
    late = datetime.now(UTC) - timedelta(minutes=1)
    with pytest.raises(base.Refused, match="unionpay_39"):
        gateway.create(wish(expires_at=late))


@pytest.mark.parametrize(
    "change",
    [{"currency": "EUR"}, {"method": "card"}, {"notify_url": "http://127.0.0.1/n?a=1"},
     {"reference": "WITH-DASH-1"}, {"reference": "SHORT"}],
)  # fmt: skip
def test_what_unionpay_could_not_carry_is_refused_before_it_is_sent(bank, change):
    nowhere = gateway_of(bank, base_url="http://127.0.0.1:9")
    with pytest.raises(base.Refused):
        nowhere.create(wish(**({"method": "web"} | change)))


def test_a_refused_refund_is_a_final_no_and_moves_nothing(bank, gateway):
    payment = paid(bank, gateway)
    bank.faults(refuse_refund=1)
    with pytest.raises(base.Refused, match="unionpay_38"):
        gateway.refund(giving_back(payment, 100))
    assert bank.net(payment.reference) == 2500


def test_a_payment_that_was_declined_at_once_is_final_only_after_its_time(bank, gateway):
    bank.faults(decline_create=1)
    request = opened(gateway)
    assert gateway.query(named(request)).state is base.State.PENDING
    later = gateway_of(bank, clock=lambda: request.expires_at + timedelta(minutes=6))
    assert later.query(named(request)).state is base.State.DECLINED


@pytest.mark.parametrize("code", ["02", "03", "04", "05", "06", "11", "12", "34", "37", "98", "99"])
def test_busy_unclear_and_general_answers_are_no_final_no(code):
    with pytest.raises(base.Unknown):
        answers.refuse(code)


SHOWN = {
    "orderId": "ABCDEF0123456789",
    "merId": "777000000000001",
    "txnSubType": "01",
    "txnTime": "20260105145046",
    "traceTime": "0105145046",
    "queryId": "442601051450467846498",
    "txnAmt": "1",
    "currencyCode": "156",
    "reqReserved": "UE8tMQ==",
}


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [("00", "captured", "captured"), ("A6", "captured", "captured"),
     ("03", "pending", "closed"), ("05", "pending", "closed"),
     ("64", "pending", "declined"), ("42", "pending", "declined")],
)  # fmt: skip
def test_anything_but_a_success_is_final_only_after_pay_timeout(code, before, after):
    told = SHOWN | {"origRespCode": code}
    assert answers.snapshot(told, is_over=False).state == before
    snapshot = answers.snapshot(told, is_over=True)
    assert snapshot.state == after
    assert (code == "42") == (snapshot.note == "paid too late, returns by itself")


@pytest.mark.parametrize(
    "change",
    [{"txnAmt": "0"}, {"txnAmt": "1.5"}, {"txnAmt": "-1"}, {"txnAmt": "٣"}, {"queryId": ""},
     {"currencyCode": "CNY"}, {"traceTime": "1"}, {"reqReserved": "?"}, {"txnSubType": "99"},
     {"origRespCode": "000"}, {"txnAmt": "9" * 19}, {"traceTime": "0230000000"}],
)  # fmt: skip
def test_an_answer_of_another_shape_is_a_value_error(change):
    with pytest.raises((ValueError, KeyError)):
        answers.snapshot(SHOWN | {"origRespCode": "00"} | change, is_over=False)


def test_an_unknown_currency_goes_through_as_its_number():
    told = SHOWN | {"origRespCode": "00", "currencyCode": "999"}
    assert answers.snapshot(told, is_over=False).captures[0].currency == "999"


def test_a_time_without_a_year_is_in_the_nearest_one():
    new_year = datetime(2026, 12, 31, 23, 59, 50, tzinfo=answers.BEIJING)
    assert answers.with_year("0101000005", new_year).year == 2027
    assert answers.with_year("1231235955", new_year).year == 2026
    leap = datetime(2028, 3, 1, tzinfo=answers.BEIJING)
    assert answers.with_year("0229235955", leap).day == 29


@pytest.mark.parametrize("content", ["", "?", "eJwDAAAAAAE=", "AAAA", "eJw="])
def test_a_statement_that_cannot_be_read_is_a_value_error(content):
    with pytest.raises(ValueError):
        unionpay_statement.rows(content, NOW.date(), "777000000000001")
