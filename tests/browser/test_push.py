"""A browser that asks to be notified: the real worker in Chromium shows what the shop encrypted.

Chromium's own push service is its maker's, on the internet. Here the subscription is one that the
test holds the keys of, and the shop's message is handed to the worker by the debugging protocol.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import BrowserContext, Page, expect

from orders.models import PushSubscription
from tests.browser.shopper import QR, Shopper
from tests.orders.push_service import Browser, PushService
from tests.stack import Stack

OFFER = "Notify me in this browser"
DONE = "This browser will tell you about this order."
FAILED = "That did not work. This page and our mails tell you all the same."
#: Stands in for the one call that needs the browser maker's servers; notes what it was asked.
SUBSCRIBES = """(subscription) => {
    PushManager.prototype.subscribe = async function (asked) {
        window.asked = asked;
        return { toJSON: () => subscription };
    };
}"""
NOTIFICATIONS = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
    .map(({ title, body, tag, data }) => ({ title, body, tag, url: data.url }))"""


@pytest.fixture(scope="module")
def push_service() -> Iterator[PushService]:
    with PushService().running() as service:
        yield service


@pytest.fixture(scope="module")
def pushing_stack(
    django_db_setup: None, django_db_blocker: Any, push_service: PushService
) -> Iterator[Stack]:
    """A shop with a key to sign notifications with."""
    with django_db_blocker.unblock():
        stack = Stack(
            VAPID_PRIVATE_KEY=secrets.token_urlsafe(32),
            VAPID_SUBJECT="mailto:shop@payonce.example",
            PUSH_TEST_ORIGIN=push_service.origin,
            POST_SECONDS="1",
        )
        stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def live_shop(transactional_db: None, pushing_stack: Stack) -> Iterator[Stack]:
    """In the place of the shop of all other tests, which notifies nobody."""
    pushing_stack.take_over().bank.reset()
    call_command("seed", verbosity=0)
    yield pushing_stack
    pushing_stack.bank.faults()


@pytest.fixture
def visit(open_context: Callable[..., BrowserContext], live_shop: Stack) -> Callable[..., Shopper]:
    """Ada, who has allowed notifications, or has not."""

    def visited(*, permissions: tuple[str, ...] = ("notifications",)) -> Shopper:
        context = open_context()
        context.grant_permissions(list(permissions), origin=live_shop.url)
        return Shopper(context.new_page(), live_shop)

    return visited


def subscribe(page: Page, browser: Browser) -> None:
    """Press the button, with the test's subscription in the place of the browser maker's."""
    form = browser.as_form()
    keys = {"p256dh": form["p256dh"], "auth": form["auth"]}
    page.evaluate(SUBSCRIBES, {"endpoint": form["endpoint"], "keys": keys})
    page.get_by_role("button", name=OFFER).click()
    expect(page.get_by_text(DONE)).to_be_visible()


def told(service: PushService, browser: Browser) -> bytes:
    """What the shop sent to this browser, as the push service passes it on: still encrypted."""
    deadline = time.monotonic() + 20
    path = browser.endpoint.removeprefix(service.origin)
    while time.monotonic() < deadline:
        for called, _, body in service.calls:
            if called == path:
                return body
        time.sleep(0.1)
    raise AssertionError("the shop told this browser nothing")


def deliver(page: Page, shop: Stack, message: dict[str, str]) -> None:
    """Wake the worker with a message, as the browser does when one arrives."""
    tools = page.context.new_cdp_session(page)
    registrations: list[str] = []
    tools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(r["registrationId"] for r in event["registrations"]),
    )
    tools.send("ServiceWorker.enable")
    deadline = time.monotonic() + 10
    while not registrations and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    tools.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": shop.url, "registrationId": registrations[-1], "data": json.dumps(message)},
    )
    tools.detach()


def shown(page: Page) -> list[dict[str, str]]:
    found: list[dict[str, str]] = page.evaluate(NOTIFICATIONS)
    return found


def test_paid_is_shown_by_the_browsers_own_worker(visit, live_shop, push_service):
    ada, browser = visit(), push_service.browser("ada")
    payment = ada.start(QR)
    page, order = ada.page, ada.page.url.split("?")[0]
    subscribe(page, browser)
    assert PushSubscription.objects.get().endpoint == browser.endpoint
    asked = page.evaluate("[asked.userVisibleOnly, asked.applicationServerKey]")
    assert asked == [True, page.locator("[data-push-key]").get_attribute("data-push-key")]
    assert page.get_by_role("button", name=OFFER).count() == 0
    live_shop.bank.pay(payment)
    message = browser.read(told(push_service, browser))
    for _ in range(2):  # one that comes twice takes the first one's place
        deliver(page, live_shop, message)
    ada.sees("Paid. Thank you!")
    (notification,) = shown(page)
    assert notification["title"] == "Paid"
    assert notification["url"] == order
    assert "We received your payment" in notification["body"]


def test_an_empty_message_shows_nothing_and_breaks_nothing(visit, live_shop, push_service):
    ada = visit()
    ada.start(QR)
    subscribe(ada.page, push_service.browser("bob"))
    (worker,) = ada.page.context.service_workers
    worker.evaluate("self.dispatchEvent(new PushEvent('push'))")
    assert shown(ada.page) == []


def test_the_worker_opens_every_orders_page_and_nothing_elsewhere(visit, live_shop, push_service):
    ada = visit()
    ada.start(QR)
    subscribe(ada.page, push_service.browser("eve"))
    scope = ada.page.evaluate("navigator.serviceWorker.ready.then((r) => r.scope)")
    assert scope == f"{live_shop.url}/"
    (worker,) = ada.page.context.service_workers
    click = """async (url) => {
        const opened = [];
        self.clients.openWindow = async (where) => { opened.push(where); };
        await self.registration.showNotification("Paid", { data: { url } });
        const [notification] = await self.registration.getNotifications();
        self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
        return [opened, (await self.registration.getNotifications()).length];
    }"""
    ours = f"{live_shop.url}/orders/x/"
    assert worker.evaluate(click, ours) == [[ours], 0]
    assert worker.evaluate(click, "https://evil.example/") == [[], 0]


def test_a_browser_without_a_push_service_says_so(visit):
    # Chromium itself, without the stand-in: a private window has no push service.
    ada = visit()
    ada.start(QR)
    ada.button(OFFER).click()
    ada.reads(FAILED)
    assert PushSubscription.objects.count() == 0
    assert ada.page.get_by_role("button", name=OFFER).is_visible()
    assert ada.barriers() == []


def test_who_has_refused_notifications_is_not_offered_any(visit):
    ada = visit(permissions=())
    ada.start(QR)
    assert ada.page.evaluate("Notification.permission") == "denied"
    expect(ada.page.get_by_role("button", name=OFFER)).to_be_hidden()
