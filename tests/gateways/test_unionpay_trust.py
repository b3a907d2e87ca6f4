"""Whom the UnionPay adapter believes: a certificate that comes along proves nothing by itself."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key, pkcs12

from payments.gateways import base
from payments.gateways.unionpay_answers import parse_form
from payments.gateways.unionpay_signing import NotGenuine, Trust, canonical, digest
from tests.bank import Bank
from tests.gateways import unionpay_by_hand as by_hand
from tests.gateways.listener import Listener
from tests.gateways.rows import shows
from tests.gateways.unionpay import (
    MERCHANT,
    gateway_of,
    giving_back,
    named,
    opened,
    paid,
    password_of,
    wish,
)
from tests.gateways.unionpay_by_hand import DAY, NOW, SOMEBODY, UNIONPAY, Issuer
from tests.security.puppet import Puppet
from tests.security.test_gateway_tls import LOCALHOST, Authority, encrypt
from tests.simulator.ear import wait_for

ROOT = Issuer("root")
MIDDLE = Issuer("middle", ROOT)
GENUINE = Issuer(UNIONPAY, MIDDLE)
TRUST = Trust(MIDDLE.pem, ROOT.pem)
TOLD = {
    "txnType": "01",
    "txnSubType": "01",
    "merId": MERCHANT,
    "orderId": "ABCDEF0123456789",
    "queryId": "442401051450467846498",
    "respCode": "00",
    "respMsg": "成功[0000000]",
    "empty": "",
}


def test_the_signed_line_is_the_one_that_a_shell_hashes():
    fields = {"txnAmt": "1", "accessType": "0", "signature": "x", "merId": MERCHANT,
              "orderId": "A1B2C3D4", "certId": "12345", "backUrl": "http://127.0.0.1/n",
              "reqReserved": "UE8tMQ==", "signPubKeyCert": ""}  # fmt: skip
    assert canonical(fields) == (
        "accessType=0&backUrl=http://127.0.0.1/n&certId=12345&merId=777000000000001"
        "&orderId=A1B2C3D4&reqReserved=UE8tMQ==&signPubKeyCert=&txnAmt=1"
    )
    # printf '%s' "…" | sha256sum
    assert digest(fields) == (b"870737127374e40ca2dc784414e47a8604b41d39bf79b63c4838db7c133a6216")
    assert canonical(fields) == by_hand.line(fields.items())


def test_our_form_verifies_by_the_protocols_text_alone(bank):
    shown = gateway_of(bank).create(wish("web")).presentation
    assert shown is not None
    fields = shown.content["fields"]
    place = bank.keys("unionpay")
    certificate = x509.load_pem_x509_certificate((place / "merchant.certificate.pem").read_bytes())
    assert fields["certId"] == str(certificate.serial_number)
    key = load_pem_public_key((place / "merchant.public.pem").read_bytes())
    assert isinstance(key, rsa.RSAPublicKey)
    signature = base64.b64decode(fields["signature"])
    key.verify(signature, by_hand.twice_hashed(fields), padding.PKCS1v15(), SHA256())


def test_what_the_simulator_says_verifies_by_the_protocols_text_alone(bank):
    gateway = gateway_of(bank)
    place = bank.keys("unionpay")
    middle, root = (
        x509.load_pem_x509_certificate((place / f"{name}.certificate.pem").read_bytes())
        for name in ("middle", "root")
    )
    with Listener() as listener:
        request = opened(gateway, notify_url=listener.url)
        bank.pay(request.reference)
        wait_for(lambda: bool(listener.heard))
    answer = bank.client.post(
        "/unionpay/gateway/api/queryTrans.do", data=signed_by_the_merchant(bank, request)
    )
    by_hand.verify(by_hand.read(answer.text), middle, root)
    by_hand.verify(parse_form(listener.heard[0][1]), middle, root)


def signed_by_the_merchant(bank: Bank, request: base.CreateRequest) -> dict[str, str]:
    """A query, made by hand."""
    file = (bank.keys("unionpay") / "merchant.p12").read_bytes()
    key, certificate, _ = pkcs12.load_key_and_certificates(file, password_of(bank).encode())
    assert isinstance(key, rsa.RSAPrivateKey)
    assert certificate is not None
    beijing = request.created_at.astimezone(UTC) + timedelta(hours=8)
    fields = {"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "txnType": "00",
              "txnSubType": "00", "bizType": "000000", "accessType": "0", "channelType": "07",
              "merId": MERCHANT, "orderId": request.reference,
              "txnTime": f"{beijing:%Y%m%d%H%M%S}",
              "certId": str(certificate.serial_number)}  # fmt: skip
    signature = key.sign(by_hand.twice_hashed(fields), padding.PKCS1v15(), SHA256())
    return fields | {"signature": base64.b64encode(signature).decode()}


def test_a_chain_to_our_root_with_unionpays_name_is_believed():
    TRUST.check(GENUINE.signed(TOLD), NOW)
    TRUST.check(GENUINE.signed(TOLD), NOW)


# Made when a test asks: keys take their time.
FORGERS = {
    "made by themselves, in UnionPay's name": lambda: Issuer(UNIONPAY),
    "issued by the same authority to somebody else": lambda: Issuer(SOMEBODY, MIDDLE),
    "issued by somebody whom the authority knows": lambda: Issuer(UNIONPAY, Issuer("x", MIDDLE)),
    "issued by another middle of the same name": lambda: Issuer(UNIONPAY, Issuer("middle", ROOT)),
    "issued by the root itself": lambda: Issuer(UNIONPAY, ROOT),
    "run out": lambda: Issuer(UNIONPAY, MIDDLE, until=NOW - DAY),
    "not valid yet": lambda: Issuer(UNIONPAY, MIDDLE, since=NOW + DAY),
    "named at another place": lambda: Issuer("中国银联股份有限公司@1@2", MIDDLE),
    "without a name": lambda: Issuer("x", MIDDLE),
    "of the test system": lambda: Issuer("041@Z2017@00040000:SIGN@00000001", MIDDLE),
}


@shows("unionpay", "notice-forged")
@pytest.mark.parametrize("forger", FORGERS)
def test_a_certificate_that_comes_along_is_not_enough(forger):
    with pytest.raises(NotGenuine):
        TRUST.check(FORGERS[forger]().signed(TOLD), NOW)


def test_the_name_of_the_test_system_is_a_setting():
    trust = Trust(MIDDLE.pem, ROOT.pem, "00040000:SIGN")
    trust.check(FORGERS["of the test system"]().signed(TOLD), NOW)
    with pytest.raises(NotGenuine):
        trust.check(GENUINE.signed(TOLD), NOW)


def test_a_certificate_that_was_believed_is_not_believed_for_ever():
    trust = Trust(MIDDLE.pem, ROOT.pem)
    trust.check(GENUINE.signed(TOLD), NOW)
    with pytest.raises(NotGenuine):
        trust.check(GENUINE.signed(TOLD), NOW + 31 * DAY)


@shows("unionpay", "rotation")
def test_signers_change_by_themselves_and_authorities_stand_side_by_side_while_they_do():
    TRUST.check(Issuer(UNIONPAY, MIDDLE).signed(TOLD), NOW)
    new_root = Issuer("root of next year")
    new_middle = Issuer("middle of next year", new_root)
    new = Issuer(UNIONPAY, new_middle).signed(TOLD)
    with pytest.raises(NotGenuine):
        TRUST.check(new, NOW)
    both = Trust(MIDDLE.pem + new_middle.pem, ROOT.pem + new_root.pem)
    both.check(new, NOW)
    both.check(GENUINE.signed(TOLD), NOW)


@pytest.mark.parametrize("field", ["respCode", "orderId", "empty", "signPubKeyCert"])
def test_a_changed_or_missing_field_is_noticed(field):
    signed = GENUINE.signed(TOLD)
    with pytest.raises(NotGenuine):
        TRUST.check({**signed, field: "07"}, NOW)
    with pytest.raises(NotGenuine):
        TRUST.check({k: v for k, v in signed.items() if k != field}, NOW)


def test_settings_that_prove_nothing_are_refused(bank):
    place = bank.keys("unionpay")
    for missing in (
        {"certificate_password": ""},
        {"merchant": ""},
        {"signer": ""},
        {"certificate_password": "wrong"},
        {"root_certificates": Issuer("stranger").pem},
        {"middle_certificates": (place / "signer.certificate.pem").read_text()},
        {"certificate": b"noise"},
    ):
        with pytest.raises(ValueError) as refused:
            gateway_of(bank, **missing)
        assert password_of(bank) not in str(refused.value)


@shows("unionpay", "tls")
@pytest.mark.parametrize("case", ["self-signed", "another host"])
def test_a_host_that_is_not_unionpay_is_no_answer(bank, tmp_path, monkeypatch, case):
    authority = Authority()
    known = tmp_path / "authorities.pem"
    if case == "another host":
        known.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
        monkeypatch.setattr("certifi.where", lambda: str(known))
    name = x509.DNSName("elsewhere.example") if case == "another host" else LOCALHOST
    with Puppet() as puppet:
        encrypt(puppet, authority.certify(tmp_path, name=name))
        gateway = gateway_of(bank, base_url=f"https://127.0.0.1:{puppet.port}")
        with pytest.raises(base.Unknown, match="Connect"):
            gateway.query(named(wish()))
        assert puppet.requests == 0


def test_no_secret_is_told_in_any_error(bank):
    gateway = gateway_of(bank, base_url="http://127.0.0.1:9")
    errors = [repr(gateway), str(vars(gateway))]
    for call in (
        lambda: gateway.create(wish()),
        lambda: gateway.query(named(wish())),
        lambda: gateway.refund(giving_back(paid(bank, gateway_of(bank)), 1)),
        lambda: gateway.statement(datetime.now(UTC).date()),
    ):
        try:
            call()
        except base.Unknown as unknown:
            errors += [repr(unknown), repr(unknown.__cause__)]
    told = json.dumps(errors)
    assert password_of(bank) not in told
    assert "PRIVATE" not in told
