"""Whatever they click, and however often: one payment."""

import json
import time

from playwright.sync_api import expect

from tests.browser.shopper import QR, REDIRECT, Shopper

SEND_TEN_TIMES = """async () => {
    const form = document.querySelector("form:has(input[name=method])");
    const body = new URLSearchParams(new FormData(form));
    const send = () => fetch(form.action, {method: "POST", body, redirect: "manual"});
    return (await Promise.all(Array.from({length: 10}, send))).map((answer) => answer.type);
}"""

# The page is gone right after; what it showed is kept aside.
REMEMBER_WHAT_A_CLICK_SHOWS = """() => {
    const sent = [];
    addEventListener("submit", (event) => {
        sent.push(event.defaultPrevented ? 0 : 1);
        const button = event.submitter;
        sessionStorage.seen = JSON.stringify({
            label: button.textContent,
            disabled: button.getAttribute("aria-disabled"),
            focused: document.activeElement === button,
            sent,
        });
    });
}"""


def test_a_double_click_is_seen_and_makes_one_payment(shopper: Shopper):
    shopper.order()
    shopper.page.evaluate(REMEMBER_WHAT_A_CLICK_SHOWS)
    shopper.button("Pay €").dblclick()
    shopper.sees("Pay now")
    seen = json.loads(shopper.page.evaluate("sessionStorage.seen"))
    assert seen == {"label": "Processing…", "disabled": "true", "focused": True, "sent": [1, 0]}
    assert len(shopper.references()) == 1


def test_a_page_from_the_browsers_memory_has_its_button_back(shopper: Shopper):
    shopper.order()
    shopper.page.evaluate(
        """() => {
            const form = document.querySelector("form:has(input[name=method])");
            form.addEventListener("submit", (event) => event.preventDefault());
            form.requestSubmit();
        }"""
    )
    expect(shopper.button("Processing…")).to_be_visible()
    shopper.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(shopper.button("Pay €")).not_to_have_attribute("aria-disabled", "true")


def test_the_same_form_ten_times_at_once_makes_one_payment_and_shows_no_error(shopper: Shopper):
    shopper.order()
    assert set(shopper.page.evaluate(SEND_TEN_TIMES)) == {"opaqueredirect"}
    assert len(shopper.references()) == 1
    shopper.page.reload()
    shopper.sees("Pay now")


def test_two_tabs_show_one_payment(shopper: Shopper):
    order = shopper.order()
    other = Shopper(shopper.page.context.new_page(), shopper.shop)
    # The other tab knows nothing of the first: its form is stale when it is sent.
    other.page.route_web_socket("**/ws/**", lambda socket: socket.close())
    other.page.route("**/status/", lambda route: route.abort())
    other.page.goto(order)
    shopper.choose(QR)
    shopper.sees("Pay now")
    other.choose(QR)
    other.sees("Pay now")
    codes = [tab.page.locator("#code-text").inner_text() for tab in (shopper, other)]
    assert codes[0] == codes[1]
    (payment,) = shopper.references()
    shopper.shop.bank.pay(payment)
    shopper.sees("Paid. Thank you!")
    other.page.reload()
    other.sees("Paid. Thank you!")


def test_two_tabs_that_place_the_same_basket_make_one_order(shopper: Shopper):
    shopper.add()
    shopper.fill_in_details()
    other = Shopper(shopper.page.context.new_page(), shopper.shop)
    other.fill_in_details()
    shopper.button("Continue to payment").click()
    shopper.sees("Review and pay")
    other.button("Continue to payment").click()
    other.sees("Review and pay")
    assert other.page.url.split("?")[0] == shopper.page.url.split("?")[0]


def test_back_and_reload_show_the_order_as_it_is(shopper: Shopper):
    payment = shopper.start(QR)
    shopper.page.reload()
    shopper.sees("Pay now")
    shopper.shop.bank.pay(payment)
    shopper.sees("Paid. Thank you!")
    shopper.page.go_back()
    shopper.sees("Paid. Thank you!")
    shopper.page.reload()
    shopper.sees("Paid. Thank you!")
    assert len(shopper.references()) == 1


def test_back_from_the_bank_is_no_trap(shopper: Shopper):
    order = shopper.order()
    shopper.choose(REDIRECT)
    shopper.page.wait_for_url(f"{shopper.shop.bank.url}/**")
    shopper.page.go_back()
    shopper.sees("Pay now")
    time.sleep(1)
    assert shopper.page.url == order


def test_another_method_closes_the_code_that_was_open(shopper: Shopper):
    first = shopper.start(QR)
    shopper.choose("Card")
    expect(shopper.page.frame_locator("iframe").get_by_role("button", name="Pay")).to_be_visible()
    assert shopper.shop.bank.pay(first).status_code == 409
    shopper.pay_card()
    shopper.sees("Paid. Thank you!")
    assert len(shopper.shop.bank.ledger()) == 1


def test_a_slow_switch_is_told_and_goes_on_by_itself(shopper: Shopper):
    first = shopper.start(QR)
    shopper.shop.bank.faults(error_before=1.0)
    shopper.choose("Card")
    shopper.sees("Switching to another way to pay")
    shopper.shop.bank.faults()
    expect(shopper.page.locator("iframe")).to_be_visible(timeout=15_000)
    assert shopper.shop.bank.pay(first).status_code == 409
