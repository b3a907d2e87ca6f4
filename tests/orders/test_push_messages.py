"""Notifications to browsers: encrypted for one browser, to known push services only, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from py_vapid import Vapid

from orders.models import Mail, Order, PushMessage, PushSubscription
from orders.post import pushing, sending, subscribers
from orders.post.push_wire import public_key
from orders.problems import NotABrowser
from orders.services import Shopper
from payments import services as payments
from payments.events import SurplusCaptured
from payments.models import Payment
from shop import outbox
from tests.factories import place
from tests.orders.push_service import Browser, PushService, base64url
from tests.orders.races import at_once
from tests.orders.story import paid_order, pay, refund, retell, wait_for_refunds

pytestmark = pytest.mark.django_db(transaction=True)

KEY = base64url(bytes(range(1, 33)))


@pytest.fixture(autouse=True)
def keys(settings) -> None:
    settings.VAPID_PRIVATE_KEY = KEY
    settings.VAPID_SUBJECT = "mailto:shop@payonce.example"


@pytest.fixture
def service(settings) -> Iterator[PushService]:
    with PushService().running() as running:
        settings.PUSH_TEST_ORIGIN = running.origin
        yield running


def notify(order: Order, browser: Browser, **changed: str) -> int:
    form = browser.as_form() | changed
    return Client().post(f"/orders/{order.public_id}/notify/", form).status_code


def deliver(seconds: float = 0) -> int:
    now = timezone.now() + timedelta(seconds=seconds)
    outbox.relay(now=now)
    return sending.send_pushes(now=now)


def is_paid(bank, order: Order, *methods: str) -> None:
    references = [pay(order, method).payment.reference for method in methods or ("qr",)]
    for reference in references:
        bank.pay(reference)
        payments.refresh_payment(reference=reference, now=timezone.now())


# --- what a browser is told ---------------------------------------------------------------------


def test_a_browser_that_asked_is_told_paid_and_only_it_can_read_it(bank, service):
    order, ada = place(), service.browser()
    assert notify(order, ada) == 204
    is_paid(bank, order)
    assert deliver() == 1
    ((path, headers, body),) = service.calls
    told = ada.read(body)
    assert told["title"] == "Paid"
    assert order.number in told["body"]
    assert told["url"].endswith(f"/orders/{order.public_id}/")
    assert order.public_id.encode() not in body
    assert (path, headers["content-encoding"]) == ("/send/ada", "aes128gcm")
    with pytest.raises(Exception, match="Decryption"):
        service.browser("eve").read(body)


def test_the_push_service_can_see_that_it_was_us(bank, service):
    order = place()
    notify(order, service.browser())
    is_paid(bank, order)
    deliver()
    ((_, headers, _),) = service.calls
    assert Vapid.verify(headers["authorization"])
    assert headers["authorization"].endswith(f"k={public_key(KEY)}")


def test_who_pays_twice_is_told_paid_and_that_money_is_on_its_way_back(bank, service):
    order, ada = place(), service.browser()
    notify(order, ada)
    is_paid(bank, order, "redirect", "qr")
    assert deliver() == 2
    titles = [ada.read(body)["title"] for body in service.bodies()]
    assert sorted(titles) == ["Money is on its way back", "Paid"]


def test_a_refund_that_is_done_is_told(bank, service):
    order = paid_order(bank)
    ada = service.browser()
    deliver()
    notify(order, ada)
    refund(Payment.objects.get().reference, 500, 0)
    wait_for_refunds(order)
    assert deliver(3600) == 1
    assert ada.read(service.bodies()[0])["title"] == "Money was sent back"


def test_it_is_told_in_the_language_of_the_order(bank, service):
    order, ada = place(shopper=Shopper("ada@example.com", "de")), service.browser()
    notify(order, ada)
    is_paid(bank, order)
    deliver()
    assert ada.read(service.bodies()[0])["title"] == "Bezahlt"


# --- once ---------------------------------------------------------------------------------------


def test_a_browser_that_asks_twice_is_told_once(bank, service):
    order, ada = place(), service.browser()
    assert (notify(order, ada), notify(order, ada)) == (204, 204)
    is_paid(bank, order)
    assert (deliver(), deliver(3600), len(service.calls)) == (1, 0, 1)


def test_a_fact_that_is_told_again_tells_nobody_again(bank, service):
    order = place()
    notify(order, service.browser())
    is_paid(bank, order, "redirect", "qr")
    deliver()
    back = Payment.objects.exclude(role="settling").get(captured_minor__gt=0)
    fact = SurplusCaptured(order.number, back.reference, 1999, "EUR", back.refunds.get().reference)
    retell(subscribers.tell_surplus, fact)
    assert (deliver(3600), len(service.calls)) == (0, 2)


def test_two_senders_at_once_tell_each_browser_once(bank, service):
    order = place()
    for number in range(6):
        notify(order, service.browser(f"browser-{number}"))
    is_paid(bank, order)
    outbox.relay(now=timezone.now())
    now = timezone.now()
    assert sum(at_once([partial(sending.send_pushes, now=now)] * 4)) == 6
    assert len(service.calls) == 6


def test_one_that_went_out_but_was_not_marked_takes_the_first_ones_place(bank, service):
    order, ada = place(), service.browser()
    notify(order, ada)
    is_paid(bank, order)
    deliver()
    PushMessage.objects.update(sent_at=None, next_try_at=timezone.now())
    assert deliver() == 1
    first, second = (ada.read(body)["tag"] for body in service.bodies())
    assert first == second


# --- when the push service does not take it -----------------------------------------------------


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_left_is_removed_with_all_that_it_was_to_be_told(bank, service, status):
    order = place()
    notify(order, service.browser())
    is_paid(bank, order)
    service.status = status
    assert deliver() == 0
    assert (PushSubscription.objects.count(), PushMessage.objects.count()) == (0, 0)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_push_service_is_tried_again(bank, service, status):
    order = place()
    notify(order, service.browser())
    is_paid(bank, order)
    service.status = status
    assert deliver() == 0
    assert PushMessage.objects.get().last_error == f"push service said {status}"
    service.status = 201
    assert (deliver(), deliver(60)) == (0, 1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(bank, service, status):
    order = place()
    notify(order, service.browser())
    is_paid(bank, order)
    service.status, service.location = status, f"{service.origin}/metadata"
    assert (deliver(), deliver(7200)) == (0, 0)
    assert [path for path, _, _ in service.calls] == ["/send/ada"]


def test_a_push_service_that_is_not_there_holds_up_no_mail(bank, service, settings):
    settings.PUSH_TEST_ORIGIN = "http://127.0.0.1:9"
    order = place()
    notify(order, Browser("http://127.0.0.1:9/send/ada"))
    is_paid(bank, order)
    assert deliver() == 0
    assert PushMessage.objects.get().next_try_at is not None
    assert sending.send_mails(now=timezone.now()) == Mail.objects.count()


# --- whom we call at all ------------------------------------------------------------------------

STRANGERS = [
    "http://fcm.googleapis.com/send/x",
    "https://fcm.googleapis.com.evil.example/x",
    "https://evilfcm.googleapis.com/x",
    "https://fcm.googleapis.com:8443/x",
    "https://user@fcm.googleapis.com/x",
    "https://fcm.googleapis.com@evil.example/x",
    "https://evil.example/?fcm.googleapis.com",
    "https://evil.example\\@fcm.googleapis.com/x",
    "https://fcm.googleapis.com/x\r\nX: y",
    "https://push.services.mozilla.com.evil.example/x",
    "https://127.0.0.1/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/x",
    "https://localhost/x",
    "https://fcm.googleapis.com/" + "x" * 500,
    "file:///etc/passwd",
    "gopher://fcm.googleapis.com/x",
    "https://[broken",
    "",
]


@pytest.mark.parametrize("endpoint", STRANGERS)
def test_an_address_that_is_no_known_push_service_is_refused_and_never_called(endpoint):
    order = place()
    assert notify(order, Browser(endpoint)) == 400
    assert PushSubscription.objects.count() == 0


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://web.push.apple.com/abc",
        "https://wns2-par02p.notify.windows.com/w/?token=abc",
    ],
)
def test_the_push_services_of_the_browsers_are_known(endpoint):
    assert pushing.may_be_called(endpoint)


def test_a_service_that_is_no_longer_allowed_is_not_called_either(bank, service, settings):
    order = place()
    notify(order, service.browser())
    is_paid(bank, order)
    settings.PUSH_TEST_ORIGIN = ""
    assert (deliver(), deliver(7200), service.calls) == (0, 0, [])


@pytest.mark.parametrize("field", ["p256dh", "auth"])
@pytest.mark.parametrize("value", ["", "AAAA", "!" * 87, "A" * 400, "ünlesbar"])
def test_keys_that_no_browser_makes_are_refused(service, field, value):
    assert notify(place(), service.browser(), **{field: value}) == 400


def test_a_key_that_is_no_point_is_found_out_when_it_is_used_and_given_up(bank, service):
    order = place()
    assert notify(order, service.browser(), p256dh=base64url(b"\x04" + b"\x01" * 64)) == 204
    is_paid(bank, order)
    assert (deliver(), deliver(7200), service.calls) == (0, 0, [])


def test_an_order_has_so_many_browsers_and_no_more(service, settings):
    settings.BROWSERS_PER_ORDER = 2
    order = place()
    statuses = [notify(order, service.browser(str(number))) for number in range(3)]
    assert statuses == [204, 204, 409]
    assert notify(order, service.browser("1")) == 204


def test_one_browser_may_follow_two_orders(bank, service):
    first, second, ada = place(), place(), service.browser()
    assert (notify(first, ada), notify(second, ada)) == (204, 204)
    is_paid(bank, first)
    assert deliver() == 1
    assert first.number in ada.read(service.bodies()[0])["body"]


# --- off ----------------------------------------------------------------------------------------


def test_without_keys_nobody_is_offered_and_nobody_is_told(settings, service):
    order = place()
    page = f"/orders/{order.public_id}/"
    assert f'data-push-key="{public_key(KEY)}"' in Client().get(page).content.decode()
    settings.VAPID_PRIVATE_KEY = ""
    assert "data-push-key" not in Client().get(page).content.decode()
    assert notify(order, service.browser()) == 400
    with pytest.raises(NotABrowser):
        pushing.subscribe(order, **service.browser().as_form(), now=timezone.now())


def test_the_command_prints_a_key_that_can_be_used(settings):
    told = StringIO()
    call_command("push_keys", stdout=told)
    key = told.getvalue().splitlines()[0].removeprefix("VAPID_PRIVATE_KEY=")
    assert len(public_key(key)) == 87
    assert key not in (KEY, "")


def test_the_worker_lies_at_the_root_and_is_ours_alone():
    answer = Client().get("/push-worker.js")
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert b"showNotification" in answer.content
    assert "worker-src 'self'" in answer["Content-Security-Policy"]


def test_the_words_fit_into_one_encrypted_record(bank, service):
    order = place(shopper=Shopper("ada@example.com", "de"))
    notify(order, service.browser())
    is_paid(bank, order)
    outbox.relay(now=timezone.now())
    message = PushMessage.objects.get()
    assert len(json.dumps(pushing.words_of(message)).encode()) < 2000
