"""The page follows its order: by push, by polling, by nothing but the server's words."""

import json
import re

from playwright.sync_api import Route, WebSocketRoute, expect

from tests.browser.shopper import QR, Shopper


def test_without_sockets_the_page_polls_and_turns_to_paid(shopper: Shopper):
    shopper.page.route_web_socket("**/ws/**", lambda socket: socket.close())
    payment = shopper.start(QR)
    shopper.shop.bank.pay(payment)
    shopper.sees("Paid. Thank you!")


def test_polling_asks_for_changes_only(shopper: Shopper):
    shopper.page.route_web_socket("**/ws/**", lambda socket: socket.close())
    shopper.start(QR)
    with shopper.page.expect_response("**/status/") as first:
        pass
    with shopper.page.expect_response("**/status/") as second:
        pass
    assert (first.value.status, second.value.status) == (200, 304)


def test_a_forged_push_changes_nothing(shopper: Shopper):
    def lie(socket: WebSocketRoute) -> None:
        socket.send(json.dumps({"state": "paid", "version": 99}))

    shopper.page.route_web_socket("**/ws/**", lie)
    shopper.start(QR)
    shopper.page.wait_for_timeout(1000)
    shopper.sees("Pay now")


def test_a_forged_frame_message_changes_nothing(shopper: Shopper):
    asked: list[str] = []
    shopper.start("Card")
    shopper.page.on("request", lambda request: asked.append(request.url))
    shopper.page.evaluate("postMessage({type: 'sandbox-card', state: 'paid'}, '*')")
    shopper.page.wait_for_timeout(500)
    shopper.sees("Pay now")
    assert not [url for url in asked if url.endswith("/check/")]


def test_the_change_is_announced_and_the_title_follows(shopper: Shopper):
    payment = shopper.start(QR)
    shopper.shop.bank.pay(payment)
    expect(shopper.page.get_by_role("status")).to_have_text("Paid. Thank you!")
    expect(shopper.page).to_have_title(re.compile("Paid. Thank you!"))


def test_the_countdown_runs_and_its_end_reads_the_page_again(shopper: Shopper):
    shopper.start(QR)
    first = shopper.page.locator(".countdown").inner_text()
    expect(shopper.page.locator(".countdown")).not_to_have_text(first)
    with shopper.page.expect_request(shopper.page.url):
        shopper.page.evaluate("document.dispatchEvent(new Event('order:reread'))")


def test_the_code_can_be_copied(shopper: Shopper):
    shopper.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shopper.start(QR)
    shopper.button("Copy the code").click()
    expect(shopper.button("Copied")).to_be_visible()
    copied = shopper.page.evaluate("navigator.clipboard.readText()")
    assert copied == shopper.page.locator("#code-text").inner_text()


def test_a_page_whose_network_fails_for_a_moment_recovers(shopper: Shopper):
    shopper.page.route_web_socket("**/ws/**", lambda socket: socket.close())
    payment = shopper.start(QR)

    def refuse(route: Route) -> None:
        route.abort()

    shopper.page.route("**/status/", refuse)
    shopper.shop.bank.pay(payment)
    shopper.page.wait_for_timeout(2500)
    shopper.page.unroute("**/status/", refuse)
    shopper.sees("Paid. Thank you!")
