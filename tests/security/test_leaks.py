"""Canaries: secrets and people go through the whole shop and turn up in no log and no queue."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as shop
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token
from structlog.stdlib import ProcessorFormatter

from orders.models import Order
from payments import inbox
from payments import services as payments
from payments.models import Notification, Payment
from shop import outbox
from tests.factories import DeliveryFactory, ProductFactory
from tests.security.conftest import signed_in, staff, with_token
from tests.security.hand import send

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "canary.of.ada@example.com"
NAME = "Canary Lovelace"
BODY = re.compile(rb'"body": "([^"]+)"')
CARD = "4242424242424242"
PASSWORD = "canary-horse-battery"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, as it would stand in the file, at INFO."""
    root = logging.getLogger()
    dressed = next(h for h in root.handlers if isinstance(h.formatter, ProcessorFormatter))
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(dressed.formatter)
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)
    root.setLevel(before)


class Purchase:
    """One life of an order, with everything said and sent on the way."""

    def __init__(self, bank: Any) -> None:
        self.bank = bank
        self.guest = Client(raise_request_exception=False)
        self.staff = staff("refunder", "payments.refund_payment", "payments.view_payment")
        self.answers: list[Any] = []
        self.secrets: dict[str, str] = {}

    def run(self) -> None:
        self.buy()
        self.fail()
        self.be_notified()
        self.be_staff()

    def buy(self) -> None:
        DeliveryFactory()
        ProductFactory(sku="mug")
        body = {"email": EMAIL, "lines": [{"sku": "mug", "quantity": 1}], "address": {"name": NAME}}
        placed = send(self.guest, "/api/v1/orders/", body, key="canary-key-of-placing")
        self.public_id = placed.json()["public_id"]
        path = f"/api/v1/orders/{self.public_id}/payments/"
        paying = send(self.guest, path, {"method": "card"}, key="canary-key-of-paying")
        self.reference = paying.json()["reference"]
        self.page = self.guest.get(f"/orders/{self.public_id}/").content.decode()
        self.secrets["client token"] = paying.json()["presentation"]["client_token"]
        self.guest.post("/basket/add/", {"sku": "mug"})
        self.secrets["basket"] = self.guest.cookies["basket"].value

    def fail(self) -> None:
        bad = {"email": EMAIL, "card": CARD, "lines": [{"sku": CARD, "quantity": 1}]}
        self.answers.append(send(self.guest, "/api/v1/orders/", bad))
        self.answers.append(send(self.guest, "/api/v1/orders/", bad | {"card": None}))
        self.answers.append(self.guest.get(f"/orders/{self.public_id}x/?card={CARD}&email={EMAIL}"))
        self.answers.append(self.guest.get(f"/orders/{self.public_id}/nothing/"))
        checked = Client(enforce_csrf_checks=True)
        self.answers.append(checked.post(f"/orders/{self.public_id}/pay/", {"method": CARD}))
        self.guest.post("/admin/login/", {"username": EMAIL, "password": PASSWORD})
        self.answers.append(self.guest.get("/", headers={"Host": f"{CARD}.example"}))

    def be_notified(self) -> None:
        self.bank.pay(self.reference)
        headers, body = self.bank.notification(self.reference)
        body = body.replace(b'"data": {}', b'"data": {"pan": "' + CARD.encode() + b'"}')
        answer = self.guest.post(
            "/webhooks/sandbox/", body, content_type="application/json", headers=headers
        )
        self.answers.append(answer)
        headers, body = self.bank.notification(self.reference)
        self.guest.post(
            "/webhooks/sandbox/", body, content_type="application/json", headers=headers
        )
        self.secrets["signature"] = headers["sandbox-signature"]
        inbox.process(Notification.objects.get().pk, now=timezone.now())
        outbox.relay(now=timezone.now())

    def be_staff(self) -> None:
        by_token = with_token(self.staff)
        path = f"/api/v1/payments/{self.reference}/refunds/"
        body = {"amount_minor": 100, "refunded_so_far_minor": 0, "reason": "canary reason"}
        self.answers.append(send(by_token, path, body))
        self.answers.append(send(by_token, path, body))
        wrong = {"Authorization": "Token canary-token-that-is-wrong"}
        self.answers.append(send(self.guest, path, body, headers=wrong))
        session = signed_in(self.staff)
        session.get("/admin/payments/payment/")
        self.secrets["session"] = session.cookies["session"].value
        self.secrets["staff token"] = Token.objects.get().key


@pytest.fixture
def purchase(bank, written) -> Purchase:
    life = Purchase(bank)
    life.run()
    assert Order.objects.get().state == "paid"
    assert Payment.objects.get().refunded_minor == 100
    bought = {
        "api key": bank.api_key,
        "signing secret": bank.signing_secret,
        "webhook secret": bank.webhook_secret,
        "secret key": shop.SECRET_KEY,
        "e-mail": EMAIL,
        "name": NAME,
        "card": CARD,
        "password": PASSWORD,
        "wrong token": "canary-token-that-is-wrong",
        "key of placing": "canary-key-of-placing",
        "key of paying": "canary-key-of-paying",
        "body of a notification": '"created_at"',
    }
    life.secrets |= bought
    return life


def test_no_secret_and_nobodys_name_is_in_the_log(purchase, written):
    text = written.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) > 10
    for name, secret in (purchase.secrets | {"order's address": purchase.public_id}).items():
        assert secret not in text, (name, [line for line in lines if secret in json.dumps(line)])


def test_each_refusal_is_one_line_that_names_the_route(purchase, written):
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    refusals = [line for line in lines if line["event"] == "request.refused"]
    refused = [answer for answer in purchase.answers if answer.status_code >= 400]
    assert len(refusals) == len(refused)
    assert [line["status"] for line in refusals] == [answer.status_code for answer in refused]
    assert all(line["logger"] == "security" and line["request_id"] for line in refusals)


def test_no_answer_to_a_refused_request_repeats_what_was_sent(purchase):
    for answer in purchase.answers:
        text = answer.content.decode()
        for name, secret in purchase.secrets.items():
            assert secret not in text, (name, answer.status_code)


def test_no_page_names_what_only_the_server_knows(purchase):
    for name in ("api key", "signing secret", "webhook secret", "secret key", "signature"):
        assert purchase.secrets[name] not in purchase.page
    for path in ("/metrics", "/readyz", "/api/schema/", "/api/docs/", "/"):
        text = purchase.guest.get(path).content.decode()
        for name, secret in purchase.secrets.items():
            assert secret not in text, (name, path)


def kept_in_redis() -> list[bytes]:
    """Each key with its value, of cache, queues and sockets."""
    places = [shop.CACHES["default"]["LOCATION"], shop.CELERY_BROKER_URL]
    places += [shop.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][0]["address"]]
    held = []
    for place in places:
        # Celery spells the same socket in its own way.
        plain = place.replace("redis+socket:", "unix:").replace("virtual_host=", "db=")
        with redis.Redis.from_url(plain) as server:
            read = {
                b"string": server.get,
                b"list": lambda key, server=server: server.lrange(key, 0, -1),
                b"set": server.smembers,
                b"hash": server.hgetall,
                b"zset": lambda key, server=server: server.zrange(key, 0, -1),
            }
            held += [key + repr(read[server.type(key)](key)).encode() for key in server.scan_iter()]
    # A task's arguments travel in base64.
    return held + [base64.b64decode(body) for entry in held for body in BODY.findall(entry)]


def test_queues_and_caches_hold_no_secret_and_nobodys_name(purchase):
    held = kept_in_redis()
    assert any(b"notification_id" in entry for entry in held)
    for name, secret in purchase.secrets.items():
        assert [entry for entry in held if secret.encode() in entry] == [], name


def test_a_failure_of_ours_is_logged_with_its_cause_and_without_the_orders_address(
    purchase, written, monkeypatch
):
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"no order at /orders/{purchase.public_id}/")

    monkeypatch.setattr(payments, "list_payments", broken)
    written.truncate(0)
    assert purchase.guest.get(f"/orders/{purchase.public_id}/").status_code == 500
    (line,) = [
        line for line in written.getvalue().strip("\0").splitlines() if "RuntimeError" in line
    ]
    assert "Traceback" in json.loads(line)["exception"]
    assert purchase.public_id not in line
