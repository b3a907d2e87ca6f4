"""A shop in Hebrew: the whole purchase from right to left, on a small phone and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.shopper import Shopper
from tests.browser.test_screens import look
from tests.stack import Stack

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def ada(open_context: Callable[..., BrowserContext], live_shop: Stack) -> Shopper:
    """Her browser asks for Hebrew."""
    window = open_context(locale="he-IL", viewport=PHONE)
    return Shopper(window.new_page(), live_shop)


def direction(ada: Shopper) -> tuple[str, str]:
    told = ada.page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
    return told[0], told[1]


def left_of(ada: Shopper, selector: str) -> float:
    box = ada.page.locator(selector).first.bounding_box()
    assert box is not None
    return box["x"]


def test_a_purchase_in_hebrew(ada: Shopper):
    page = ada.page
    page.goto("/")
    assert direction(ada) == ("he", "rtl")
    assert left_of(ada, ".brand") > left_of(ada, ".basket-link"), "the page begins at the right"
    look(ada)
    page.locator("form:has(input[value=mug-blue]) button").click()
    page.wait_for_url("**/basket/")
    look(ada)
    page.goto("/checkout/")
    page.locator(".pay-button").click()
    ada.reads("יש בעיה")
    look(ada)
    for field, words in {
        "email": "ada@example.org",
        "name": "עדה לאבלייס",
        "street": "Rechenweg 12",
        "postcode": "10115",
        "city": "Berlin",
    }.items():
        page.locator(f"#id_{field}").fill(words)
    page.locator(".pay-button").click()
    page.wait_for_url(re.compile(r"/orders/[^/]+/"))
    ada.sees("בדיקה ותשלום")
    look(ada)
    page.locator("input[name=method][value=qr]").check()
    page.locator("form:has(input[name=method]) button").first.click()
    ada.sees("שלמו עכשיו")
    look(ada)
    ada.shop.bank.pay(ada.references()[0])
    ada.sees("שולם. תודה!")
    look(ada)
    expect(page.get_by_text("עדה לאבלייס")).to_be_visible()


def test_words_of_another_direction_keep_their_own(ada: Shopper):
    ada.page.goto("/")
    style = "e => [getComputedStyle(e).unicodeBidi, getComputedStyle(e).direction].join(' ')"
    sides = ada.page.locator("main bdi").first.evaluate(style)
    assert sides == "isolate ltr"


def test_a_lost_link_is_asked_for_in_hebrew(ada: Shopper):
    ada.page.goto("/send-link/")
    ada.sees("שלחו לי את הקישור שוב")
    look(ada)
