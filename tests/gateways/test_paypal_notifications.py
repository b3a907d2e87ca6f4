"""PayPal's webhooks: whose certificate, how old, and that they prove nothing by themselves."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.gateways import base
from payments.gateways.paypal import PayPalGateway
from tests.bank import Bank
from tests.gateways.authority import Authority, key_pair
from tests.gateways.listening import Listener
from tests.gateways.paypal_shop import agreed, gateway_of, giving_back, paid, secrets_of, wish
from tests.gateways.rows import shows
from tests.simulator.ear import wait_for
from tests.simulator.merchant import new_reference

NAME, HOST = "messageverificationcerts.test", "certs.test"
WEBHOOK = "8PT597110X687430LKGECATA"
NOW = datetime.now(UTC).replace(microsecond=0)
REFERENCE = "01JDPAYMENT000000000000001"
ORDER = {"id": "ORDER1", "purchase_units": [{"invoice_id": REFERENCE}]}


class Desk:
    """Whoever serves certificates: what lies under each path, and who was asked for what."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                desk.asked.append(self.path)
                found = desk.files.get(self.path)
                self.send_response(200 if found else 404)
                self.send_header("Content-Length", str(len(found or b"")))
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *args: object) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return key_pair()


@pytest.fixture
def desk(authority: Authority, key: rsa.RSAPrivateKey) -> Iterator[Desk]:
    desk = Desk()
    desk.files[path_of("good")] = authority.certify(key, NAME)
    yield desk
    desk.server.shutdown()
    desk.server.server_close()


@pytest.fixture
def gateway(desk: Desk, authority: Authority, tmp_path: Path) -> PayPalGateway:
    return built(desk, authority, tmp_path, lambda: NOW)


def built(
    desk: Desk, authority: Authority, tmp_path: Path, clock: Callable[[], datetime]
) -> PayPalGateway:
    anchor = tmp_path / "anchor.pem"
    anchor.write_bytes(authority.pem)
    return PayPalGateway(
        client_id="id", client_secret="secret", merchant_id="M", webhook_id=WEBHOOK,
        trust_anchor_file=str(anchor), certificate_name=NAME,
        certificate_hosts={HOST: desk.address}, base_url="http://127.0.0.1:9", clock=clock,
    )  # fmt: skip


@pytest.fixture
def ear(bank: Bank) -> Iterator[Listener]:
    """The account's webhook, as its dashboard would have it."""
    listener = Listener(PayPalGateway.acknowledgement, "/webhooks/paypal/")
    file = bank.keys("paypal") / "endpoint.txt"
    file.write_text(listener.url)
    yield listener
    file.write_text("")
    listener.close()


def path_of(name: str) -> str:
    return f"/v1/notifications/certs/CERT-{name}-00000001"


def event(about: dict[str, Any] = ORDER, **changes: Any) -> bytes:
    told = {"id": "WH-1A2B3C", "event_type": "CHECKOUT.ORDER.APPROVED", "resource": about}
    return json.dumps(told | changes).encode()


def delivered(
    body: bytes, key: rsa.RSAPrivateKey, *, at: datetime = NOW, **headers: str
) -> base.RawRequest:
    sent_at = at.isoformat().replace("+00:00", "Z")
    signed = f"9b3a2f10-0000|{sent_at}|{WEBHOOK}|{zlib.crc32(body)}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
    told = {
        "paypal-transmission-id": "9b3a2f10-0000",
        "paypal-transmission-time": sent_at,
        "paypal-transmission-sig": b64encode(signature).decode(),
        "paypal-cert-url": f"https://{HOST}{path_of('good')}",
        "paypal-auth-algo": "SHA256withRSA",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return base.RawRequest("POST", "/webhooks/paypal/", "", told, body)


def refusal(gateway: PayPalGateway, request: base.RawRequest) -> int:
    with pytest.raises(base.NotificationRefused) as refused:
        gateway.parse_notification(request)
    return refused.value.status


def test_a_genuine_event_says_whom_it_is_about(gateway, key):
    (hint,) = gateway.parse_notification(delivered(event(), key))
    assert hint == base.NotificationHint(
        "WH-1A2B3C", "checkout.order.approved", REFERENCE, gateway_id="ORDER1"
    )


def test_a_capture_a_refund_and_a_dispute_name_what_they_know(gateway, key):
    related = {"supplementary_data": {"related_ids": {"order_id": "ORDER1"}}}
    capture = {"id": "C1", "invoice_id": REFERENCE, "custom_id": "PO-1042"} | related
    refund = {"id": "F1", "invoice_id": REFERENCE, "custom_id": "01JDREFUND0000000000000001"}
    dispute = {"disputed_transactions": [{"invoice_number": REFERENCE}]}
    shown = [
        gateway.parse_notification(delivered(event(about, event_type=kind), key))[0]
        for about, kind in (
            (capture, "PAYMENT.CAPTURE.COMPLETED"),
            (refund, "PAYMENT.CAPTURE.REFUNDED"),
            (dispute, "CUSTOMER.DISPUTE.CREATED"),
        )
    ]
    assert [(h.reference, h.refund_reference, h.gateway_id) for h in shown] == [
        (REFERENCE, "", "ORDER1"),
        (REFERENCE, "01JDREFUND0000000000000001", ""),
        (REFERENCE, "", ""),
    ]
    assert shown[2].kind == "payment.disputed"


def test_events_without_a_word_of_ours_are_nobodys(gateway, key):
    about = {"id": "C1", "amount": {}}
    told = delivered(event(about, event_type="PAYMENT.CAPTURE.COMPLETED"), key)
    assert gateway.parse_notification(told) == []


@shows("paypal", "notice-forged")
def test_an_altered_or_foreign_event_is_refused(gateway, key):
    good = delivered(event(), key)
    changed = base.RawRequest("POST", "/", "", good.headers, good.body + b" ")
    moved = delivered(event(), key, paypal_transmission_id="9b3a2f10-0001")
    other = delivered(event(), key_pair())
    weak = delivered(event(), key, paypal_auth_algo="SHA1withRSA")
    none = base.RawRequest("POST", "/", "", {}, good.body)
    for request in (changed, moved, other, weak, none):
        assert refusal(gateway, request) == 401


@shows("paypal", "notice-forged")
def test_an_event_for_another_webhook_is_refused(gateway, key):
    sent_at = NOW.isoformat().replace("+00:00", "Z")
    signed = f"9b3a2f10-0000|{sent_at}|ANOTHERWEBHOOK|{zlib.crc32(event())}"
    signature = b64encode(key.sign(signed.encode(), padding.PKCS1v15(), SHA256())).decode()
    assert refusal(gateway, delivered(event(), key, paypal_transmission_sig=signature)) == 401


@pytest.mark.parametrize(
    "url",
    [
        "http://certs.test{path}",
        "https://certs.test:443{path}",
        "https://certs.test:8443{path}",
        "https://user@certs.test{path}",
        "https://certs.test@evil.test{path}",
        "https://evil.test{path}",
        "https://certs.test.evil.test{path}",
        "https://evil.test/certs.test{path}",
        "https://CERTS.TEST{path}",
        "https://certs.test.{path}",
        "https://certs.test{path}?a=b",
        "https://certs.test{path}#a",
        "https://certs.test/../../etc/passwd",
        "https://certs.test//evil.test{path}",
        "https://certs.test\\@evil.test{path}",
        "//certs.test{path}",
        "https://[certs.test{path}",
        "https://certs.test{path}\n",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_certificate_from_elsewhere_is_never_asked_for(gateway, desk, key, url):
    """Exactly one host, https, no port, no user, nothing but the path: and no request leaves."""
    told = delivered(event(), key, paypal_cert_url=url.format(path=path_of("good")))
    assert refusal(gateway, told) == 401
    assert desk.asked == []


@shows("paypal", "notice-forged")
@pytest.mark.parametrize("kind", ["self-signed", "other authority", "other name", "expired", "ca"])
def test_a_certificate_without_our_chain_is_refused(gateway, desk, authority, key, kind):
    """By bare signature each of these would pass."""
    made = {
        "self-signed": lambda: Authority().pem_of(key, NAME),
        "other authority": lambda: Authority().certify(key, NAME),
        "other name": lambda: authority.certify(key, "somebody-else.test"),
        "expired": lambda: authority.certify(key, NAME, until=NOW - timedelta(days=1)),
        "ca": lambda: authority.pem,
    }
    desk.files[path_of("good")] = made[kind]()
    assert refusal(gateway, delivered(event(), key)) == 401
    assert desk.asked == [path_of("good")]


@pytest.mark.parametrize("pem", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(gateway, desk, key, pem):
    desk.files[path_of("good")] = pem
    assert refusal(gateway, delivered(event(), key)) == 401


def test_a_certificate_is_fetched_once(gateway, desk, key):
    for _ in range(3):
        gateway.parse_notification(delivered(event(), key))
    assert len(desk.asked) == 1


def test_knocks_with_invented_certificates_cost_a_few_requests_a_minute(gateway, desk, key):
    said = {
        refusal(gateway, delivered(event(), key, paypal_cert_url=f"https://{HOST}{path_of(name)}"))
        for name in ("aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff", "gggg", "hhhh", "iiii")
    }
    assert said == {401, 503}
    assert len(desk.asked) == 6


def test_a_certificate_that_was_good_is_asked_for_again_whoever_knocks(
    desk, authority, key, tmp_path
):
    """A day later, while somebody sends invented ones all the time."""
    now = [NOW]
    gateway = built(desk, authority, tmp_path, lambda: now[0])
    gateway.parse_notification(delivered(event(), key))
    now[0] += timedelta(days=1, seconds=1)
    for name in ("aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff", "gggg"):
        url = f"https://{HOST}{path_of(name)}"
        refusal(gateway, delivered(event(), key, at=now[0], paypal_cert_url=url))
    assert gateway.parse_notification(delivered(event(), key, at=now[0]))
    assert desk.asked.count(path_of("good")) == 2


def test_a_certificate_that_cannot_be_had_now_is_no_forgery(gateway, desk, key):
    """PayPal sends it again; a 401 would count as somebody's attack."""
    desk.server.shutdown()
    desk.server.server_close()
    assert refusal(gateway, delivered(event(), key)) == 503


@shows("paypal", "rotation")
def test_while_certificates_are_changed_both_are_believed(gateway, desk, authority, key):
    new = key_pair()
    desk.files[path_of("newer")] = authority.certify(new, NAME)
    url = f"https://{HOST}{path_of('newer')}"
    assert gateway.parse_notification(delivered(event(), key))
    assert gateway.parse_notification(delivered(event(), new, paypal_cert_url=url))
    assert gateway.parse_notification(delivered(event(), key))
    assert refusal(gateway, delivered(event(), key, paypal_cert_url=url)) == 401


@shows("paypal", "notice-stale", "clock-skew")
@pytest.mark.parametrize("away", [timedelta(days=-4), timedelta(seconds=301), timedelta(days=1)])
def test_an_event_from_another_time_is_refused_and_costs_no_request(gateway, desk, key, away):
    assert refusal(gateway, delivered(event(), key, at=NOW + away)) == 400
    assert desk.asked == []


@pytest.mark.parametrize("away", [timedelta(days=-3), timedelta(seconds=300)])
def test_deliveries_are_repeated_for_three_days(gateway, key, away):
    assert gateway.parse_notification(delivered(event(), key, at=NOW + away))


def test_a_body_of_the_same_crc32_is_believed_so_it_only_asks(gateway, key):
    """The weakness of PayPal's signature: what it says is never taken for true."""
    genuine = delivered(event(), key)
    other = event({"id": "ORDER9", "purchase_units": [{"invoice_id": "0" * 26}]}, note="")
    forged = bent(other, zlib.crc32(genuine.body))
    assert zlib.crc32(forged) == zlib.crc32(genuine.body)
    request = base.RawRequest("POST", "/", "", genuine.headers, forged)
    (hint,) = gateway.parse_notification(request)
    assert hint.reference == "0" * 26
    assert not hasattr(hint, "state")


def bent(body: bytes, wanted: int) -> bytes:
    """The same JSON with spaces for which its crc32 is another's: found by linear algebra."""
    head, tail = body[:1], body[1:]
    places = 40

    def filled(bits: int) -> bytes:
        return head + bytes(32 if bits >> n & 1 == 0 else 9 for n in range(places)) + tail

    zero = zlib.crc32(filled(0))
    rows = [(zlib.crc32(filled(1 << n)) ^ zero, 1 << n) for n in range(places)]
    need, used = zero ^ wanted, 0
    for bit in range(32):
        pivot = next(row for row in rows if row[0] >> bit & 1)
        rows = [
            (row[0] ^ pivot[0], row[1] ^ pivot[1]) if row[0] >> bit & 1 else row
            for row in rows
            if row is not pivot
        ]
        if need >> bit & 1:
            need, used = need ^ pivot[0], used ^ pivot[1]
    return filled(used)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"[" * 60_000, b'{"a": NaN}', b"\xff\xfe", b" " * 300_000,
     event(id=None), event(id="WH-\x00"), event(event_type="x"), event(resource=[]),
     event({}), event({"id": "ORDER1", "purchase_units": {}}),
     event({"id": "ORDER1", "purchase_units": [{"invoice_id": ["x"]}]}),
     event({"id": ["x"], "purchase_units": [{"invoice_id": "REFERENCE1"}]}),
     event({"disputed_transactions": []}, event_type="CUSTOMER.DISPUTE.CREATED")],
)  # fmt: skip
def test_a_genuine_but_malformed_event_is_refused(gateway, key, body):
    assert refusal(gateway, delivered(body, key)) == 400


@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.text(max_size=30), st.text(max_size=30), st.binary(max_size=80))
def test_noise_is_refused_without_an_exception(gateway, key, header, url, body):
    """Fuzzed headers around a good signature; nothing of it reaches a certificate's host."""
    for name in ("sig", "time", "id"):
        noisy = delivered(body, key, **{f"paypal_transmission_{name}": header})
        assert refusal(gateway, noisy) in (400, 401)
    assert refusal(gateway, delivered(body, key, paypal_cert_url=url)) == 401
    assert refusal(gateway, delivered(body, key)) == 400


@shows("paypal", "notice-twice")
def test_paypals_own_events_are_understood_and_repeated_until_acknowledged(bank, ear):
    bank.faults(duplicate_notification=1)
    gateway = gateway_of(bank)
    ear.answers = [500, 404]
    payment = agreed(bank, gateway)
    hints = [gateway.parse_notification(one)[0] for one in ear.hears(4)]
    assert {(h.notification_id, h.kind, h.reference, h.gateway_id) for h in hints} == {
        (hints[0].notification_id, "checkout.order.approved", payment.reference, payment.gateway_id)
    }
    wait_for(lambda: not any(note["waiting"] for note in bank.notifications()))
    assert len(ear.heard) == 4


@shows("paypal", "notice-order")
def test_events_in_the_wrong_order_leave_the_truth_to_the_query(bank, ear):
    gateway = gateway_of(bank)
    payment = paid(bank, gateway)
    gateway.refund(giving_back(payment, 100))
    last_first = sorted(ear.hears(3), key=lambda one: b"APPROVED" in one.body)
    hints = [gateway.parse_notification(one)[0] for one in last_first]
    assert hints[2].kind == "checkout.order.approved"
    assert {hint.reference for hint in hints} == {payment.reference}
    assert gateway.query(payment).captures[0].refunded_minor == 100


@shows("paypal", "notice-forged", "clock-skew")
def test_forged_and_skewed_deliveries_are_refused(bank, ear):
    gateway = gateway_of(bank)
    for knob, status in (({"bad_notification_signature": 1}, 401), ({"clock_skew": 900}, 400)):
        bank.faults(**knob)
        agreed(bank, gateway)
        heard = ear.hears(1)[0]
        ear.heard.clear()
        assert refusal(gateway, heard) == status


def test_what_happens_is_announced(bank, ear):
    gateway = gateway_of(bank)
    bank.faults(decline_capture=1)
    payment = agreed(bank, gateway)
    gateway.capture(payment, new_reference())
    bank.faults(refund_fail=1)
    other = paid(bank, gateway)
    refund = giving_back(other, 100)
    gateway.refund(refund)
    bank.client.post(f"/payments/{other.reference}/dispute")
    hints = [gateway.parse_notification(one)[0] for one in ear.hears(6)]
    told = {(h.kind, h.reference) for h in hints}
    assert ("payment.capture.denied", payment.reference) in told
    assert ("payment.disputed", other.reference) in told
    assert ("payment.refund.failed", other.reference) in told
    assert refund.reference in {h.refund_reference for h in hints}
    assert secrets_of(bank)["client_secret"] not in repr(ear.heard)
    assert wish().reference not in {h.reference for h in hints}
