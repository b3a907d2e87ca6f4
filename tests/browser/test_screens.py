"""Every page in every state: no barrier that axe can find, nothing cut off on a small phone."""

import time
import uuid
from collections.abc import Callable

import pytest
from rest_framework.authtoken.models import Token

from shop.models import User
from tests.browser.shopper import CARD, QR, REDIRECT, Shopper

WIDTHS = (1200, 320)
#: The smallest target for a thumb, in CSS pixels.
TARGET_PIXELS = 44
SMALL_TARGETS = f"""() => [...document.querySelectorAll(
    "button, select, summary, .button-link, .option, .basket-link, input:not([type=hidden])")]
    .filter((e) => e.offsetParent && !e.closest(".option")?.contains(e.parentElement))
    .filter((e) => !e.matches("[type=radio]") && e.offsetHeight < {TARGET_PIXELS})
    .map((e) => e.outerHTML)"""


def look(shopper: Shopper) -> None:
    """Fails with what is wrong on this page."""
    shopper.page.wait_for_load_state()
    assert shopper.barriers() == []
    for width in WIDTHS:
        shopper.page.set_viewport_size({"width": width, "height": 800})
        assert shopper.sideways_pixels() == 0, width
    assert shopper.page.evaluate(SMALL_TARGETS) == []
    shopper.page.set_viewport_size({"width": 1200, "height": 800})


def test_before_the_order(shopper: Shopper):
    shopper.page.goto("/basket/")
    look(shopper)
    shopper.page.goto("/")
    look(shopper)
    # Languages that run from right to left need no style of their own.
    shopper.page.evaluate("document.documentElement.dir = 'rtl'")
    look(shopper)
    shopper.add("vase-single")
    look(shopper)
    shopper.page.get_by_label("Quantity").fill("9")
    shopper.button("Change").click()
    shopper.reads("Only 1 left of One-off vase.")
    look(shopper)


def test_the_details(shopper: Shopper):
    shopper.add()
    shopper.page.goto("/checkout/")
    look(shopper)
    shopper.button("Continue to payment").click()
    shopper.reads("There is a problem")
    look(shopper)


def test_choosing_and_declined(shopper: Shopper):
    shopper.order()
    look(shopper)
    shopper.choose(QR)
    shopper.sees("Pay now")
    shopper.shop.bank.decline(shopper.references()[0])
    shopper.sees("The payment was not made")
    look(shopper)


@pytest.mark.parametrize("method", [QR, CARD])
def test_paying(shopper: Shopper, method: str):
    shopper.start(method)
    shopper.page.get_by_text("Use a different payment method").click()
    look(shopper)


def test_checking_by_and_by(shopper: Shopper):
    order = shopper.order()
    shopper.choose(REDIRECT)
    shopper.page.wait_for_url(f"{shopper.shop.bank.url}/**")
    shopper.page.goto(order)
    look(shopper)
    for seconds, words in ((0, "We are asking your bank"), (130, "This takes longer than usual")):
        shopper.page.goto(f"{order}?asked={int(time.time()) - seconds}")
        shopper.reads(words)
        look(shopper)


def send_back(shopper: Shopper, payment: str) -> None:
    """The running shop does it, not this process: each of them has a bank of its own."""
    clerk = User.objects.create_superuser("clerk", password="x")
    answer = shopper.shop.client.post(
        f"/api/v1/payments/{payment}/refunds/",
        json={"amount_minor": 2290, "refunded_so_far_minor": 0, "reason": "does not fit"},
        headers={
            "Authorization": f"Token {Token.objects.create(user=clerk).key}",
            "Idempotency-Key": uuid.uuid4().hex,
        },
    )
    assert answer.status_code == 201, answer.text


def test_paid_refunded_and_printed(shopper: Shopper):
    payment = shopper.start(QR)
    shopper.shop.bank.pay(payment)
    shopper.reads("Invoice (PDF)")
    look(shopper)
    assert shopper.page.pdf(format="A4").count(b"/Type /Page\n") == 1
    send_back(shopper, payment)
    shopper.sees("Your money was sent back")
    look(shopper)


def test_paid_twice(shopper: Shopper):
    order = shopper.order()
    shopper.choose(REDIRECT)
    shopper.page.wait_for_url(f"{shopper.shop.bank.url}/**")
    (first,) = shopper.references()
    shopper.page.goto(order)
    shopper.choose(QR)
    shopper.reads("An earlier payment may still arrive")
    look(shopper)
    shopper.shop.bank.pay(shopper.new_reference({first}))
    shopper.sees("Paid. Thank you!")
    shopper.shop.bank.pay(first)
    shopper.reads("Sent back: €22.90")
    look(shopper)


def test_switching_closing_and_cancelled(shopper: Shopper):
    shopper.start(QR)
    shopper.shop.bank.faults(error_before=1.0)
    shopper.choose(CARD)
    shopper.sees("Switching to another way to pay")
    look(shopper)
    shopper.shop.bank.faults()
    shopper.order()
    shopper.choose(REDIRECT)
    shopper.page.wait_for_url(f"{shopper.shop.bank.url}/**")
    shopper.page.go_back()
    shopper.button("Cancel this order").click()
    shopper.sees("This order is being closed")
    look(shopper)
    shopper.order()
    shopper.button("Cancel this order").click()
    shopper.sees("This order was not paid")
    look(shopper)


def test_what_went_wrong(shopper: Shopper):
    shopper.page.goto("/orders/nobodys-order-and-not-long/")
    shopper.sees("There is no such page")
    look(shopper)
    shopper.page.goto("/")
    shopper.page.context.clear_cookies()
    shopper.button("Add to basket").click()
    shopper.sees("This form has expired")
    look(shopper)


def test_a_lost_link_is_asked_for(shopper: Shopper):
    shopper.page.goto("/")
    shopper.page.get_by_role("link", name="Lost an order's page?").click()
    shopper.sees("Send me the link again")
    look(shopper)
    shopper.button("Send the link").click()
    shopper.reads("There is a problem")
    look(shopper)
    shopper.page.get_by_label("E-mail").fill("ada@example.org")
    shopper.page.get_by_label("Order number").fill("po 7k3qx m2rvd")
    shopper.button("Send the link").click()
    shopper.sees("Look into your mail")
    look(shopper)


def test_the_whole_purchase_by_keyboard_alone(shopper: Shopper):
    page = shopper.page
    page.goto("/")
    press_until(shopper, "Enter", lambda: focused(shopper) == "Add to basket")
    page.wait_for_url("**/basket/")
    press_until(shopper, "Enter", lambda: focused(shopper) == "Continue to your details")
    page.wait_for_url("**/checkout/")
    for words in ("ada@example.org", "Ada Lovelace", "Rechenweg 12", "10115", "Berlin"):
        press_until(shopper, "", lambda: is_empty_field(shopper))
        page.keyboard.type(words)
    press_until(shopper, "Enter", lambda: focused(shopper) == "Continue to payment")
    shopper.sees("Review and pay")
    press_until(shopper, "Enter", lambda: focused(shopper).startswith("Pay €"))
    shopper.sees("Pay now")
    shopper.shop.bank.pay(shopper.references()[0])
    shopper.sees("Paid. Thank you!")


def focused(shopper: Shopper) -> str:
    words: str = shopper.page.evaluate("document.activeElement?.textContent.trim() ?? ''")
    return words


def is_empty_field(shopper: Shopper) -> bool:
    field = shopper.page.locator("main input:focus")
    return field.count() == 1 and field.input_value() == ""


def press_until(shopper: Shopper, key: str, found: Callable[[], bool]) -> None:
    """Tab on to what we look for, then press the key."""
    for _ in range(40):
        shopper.page.keyboard.press("Tab")
        if found():
            if key:
                shopper.page.keyboard.press(key)
            return
    raise AssertionError("the keyboard does not get there")
