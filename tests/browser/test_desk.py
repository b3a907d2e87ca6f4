"""The desk in a real browser: found in seconds, refunded once, decided by two."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page

from payments.models import Refund
from tests.browser.clerk import Clerk, sell
from tests.stack import Stack

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def hire(open_context: Callable[..., BrowserContext], live_shop: Stack) -> Callable[..., Clerk]:
    """Someone new at a screen of their own."""

    def hired(name: str, *rights: str, **window: object) -> Clerk:
        return Clerk(open_context(**window).new_page(), live_shop, name).hire(*rights)

    return hired


def cut_off(page: Page) -> list[str]:
    """What sticks out of the window sideways and cannot be scrolled to within its own box."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('#content *')]
            .filter((e) => !e.closest('.desk-wide') && e.getBoundingClientRect().right
                > document.documentElement.clientWidth + 1)
            .map((e) => e.outerHTML.slice(0, 120))"""
    )
    return found


@pytest.mark.parametrize("window", [{}, {"viewport": PHONE}], ids=["desk", "phone"])
def test_an_order_is_found_by_its_payment_and_tells_its_story(hire, live_shop, window):
    sale = sell(live_shop)
    ada = hire("ada", **window)
    ada.find(sale.reference)
    ada.sees(f"Order {sale.number}")
    for told in ("Balance", "→ captured", "create: pending after"):
        ada.reads(told)
    assert cut_off(ada.page) == []
    assert ada.barriers() == []


def test_the_gateway_is_asked_and_nothing_changes(hire, live_shop):
    sale = sell(live_shop)
    ada = hire("ada")
    ada.find(sale.number)
    ada.button("Ask the gateway now").click()
    ada.sees("The gateway's answer")
    ada.reads("nothing")
    assert ada.barriers() == []
    ada.button("Apply the answer").click()
    ada.reads("nothing to change")


@pytest.mark.parametrize(
    "window",
    [{}, {"viewport": PHONE}, {"java_script_enabled": False}],
    ids=["desk", "phone", "no scripts"],
)
def test_a_refund_goes_by_way_of_its_preview(hire, live_shop, window):
    sale = sell(live_shop)
    ada = hire("ada", "refund_payment", **window)
    ada.open_refund(sale)
    if window.get("java_script_enabled", True):
        assert (cut_off(ada.page), ada.barriers()) == ([], [])
    ada.preview("5.00")
    assert Refund.objects.count() == 0
    if window.get("java_script_enabled", True):
        assert (cut_off(ada.page), ada.barriers()) == ([], [])
    ada.button("Refund €5.00").click()
    ada.reads("Refund of €5.00: ")
    assert live_shop.bank.net(sale.reference) == sale.total_minor - 500


def test_of_two_staff_at_once_the_second_is_shown_what_the_first_did(hire, live_shop):
    sale = sell(live_shop)
    ada, bob = (hire(name, "refund_payment") for name in ("ada", "bob"))
    for clerk in (ada, bob):
        clerk.open_refund(sale)
        clerk.preview("5.00")
    ada.button("Refund €5.00").click()
    ada.reads("Refund of €5.00: ")
    bob.button("Refund €5.00").click()
    bob.reads("This payment was refunded since you looked.")
    assert live_shop.bank.net(sale.reference) == sale.total_minor - 500


def test_above_the_limit_a_second_person_approves(hire, live_shop):
    sale = sell(live_shop, pieces=20)
    assert sale.total_minor > 20_000
    ada = hire("ada", "refund_payment")
    ada.open_refund(sale)
    ada.preview()
    ada.reads("sent only after a second person approved it")
    assert ada.barriers() == []
    ada.page.get_by_label("Type the amount").fill("1.00")
    ada.button("Ask for a refund of").click()
    ada.reads("The amount that you typed is not the amount of this refund.")
    ada.page.get_by_label("Type the amount").fill(f"{sale.total_minor / 100:.2f}")
    ada.button("Ask for a refund of").click()
    ada.reads("it waits until a second person approves it")
    assert live_shop.bank.net(sale.reference) == sale.total_minor
    eve = hire("eve", "approve_refund")
    eve.page.goto("/admin/desk/refunds/")
    eve.page.get_by_role("link", name=Refund.objects.get().reference).click()
    eve.page.wait_for_url("**/confirm/**")
    eve.type_password()
    assert eve.barriers() == []
    eve.button("Approve and send").click()
    eve.reads("approved by eve")
    assert live_shop.bank.net(sale.reference) == 0
