"""Ada buys things: the verbs of the browser tests, as a person would say them."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.stack import Stack

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RUN_AXE = """async (rules) => (await axe.run({resultTypes: ["violations"], ...rules})).violations
    .map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`)"""
#: Only colours differ between the schemes.
SCHEMES = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

ADDRESS = {"name": "Ada Lovelace", "street": "Rechenweg 12", "postcode": "10115"}
ORDER = {
    "email": "ada@example.org",
    "address": {**ADDRESS, "city": "Berlin", "country": "DE"},
    "delivery": "standard",
}
QR, REDIRECT, CARD = "QR code", "Online banking", "Card"


@dataclass
class Shopper:
    """One person at one browser page."""

    page: Page
    shop: Stack

    # --- on the way to an order ------------------------------------------------------------

    def add(self, sku: str = "mug-blue") -> None:
        """Put one piece into the basket."""
        self.page.goto("/")
        self.page.locator(f"form:has(input[value={sku}]) button").click()
        self.page.wait_for_url("**/basket/")

    def fill_in_details(self) -> None:
        """Open the details' page and fill in every field."""
        self.page.goto("/checkout/")
        for name, words in {
            "E-mail": "ada@example.org",
            "Name": "Ada Lovelace",
            "Street and number": "Rechenweg 12",
            "Postcode": "10115",
            "Town or city": "Berlin",
        }.items():
            self.page.get_by_label(name, exact=True).fill(words)

    def order_by_hand(self, *skus: str) -> str:
        """Place an order page by page, as a person does; its page's address."""
        for sku in skus or ("mug-blue",):
            self.add(sku)
        self.fill_in_details()
        self.button("Continue to payment").click()
        self.page.wait_for_url(re.compile(r"/orders/[^/]+/(\?.*)?$"))
        return self.page.url

    def order(self) -> str:
        """Have an order for one mug, and its page open; its page's address."""
        answer = self.shop.client.post(
            "/api/v1/orders/",
            json={**ORDER, "lines": [{"sku": "mug-blue", "quantity": 1}]},
            headers={"Idempotency-Key": secrets.token_urlsafe(24)},
        )
        assert answer.status_code == 201, answer.text
        address = f"{self.shop.url}/orders/{answer.json()['public_id']}/"
        self.page.goto(address)
        return address

    # --- paying -----------------------------------------------------------------------------

    def choose(self, method: str) -> None:
        """Press the pay button with this method, wherever the list stands."""
        switch = self.page.get_by_text("Use a different payment method")
        if switch.count() and not self.page.get_by_label(method, exact=False).is_visible():
            switch.click()
        self.page.get_by_label(method).check()
        self.button("Pay €").click()

    def start(self, method: str) -> str:
        """Order and open a payment; the payment's reference."""
        before = set(self.references())
        self.order()
        self.choose(method)
        if method != REDIRECT:
            self.sees("Pay now")
        return self.new_reference(before)

    def references(self) -> list[str]:
        """Every payment that the bank knows."""
        return [payment["reference"] for payment in self.shop.bank.payments()]

    def new_reference(self, before: set[str]) -> str:
        """The payment that came since."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if new := set(self.references()) - before:
                return new.pop()
            time.sleep(0.05)
        raise AssertionError("no payment reached the bank")

    def pay_card(self) -> None:
        """Pay with the test card that stands in the form."""
        self.page.frame_locator("iframe").get_by_role("button", name="Pay").click()

    def pay_at_the_bank(self) -> None:
        """Confirm on the bank's own page."""
        self.page.get_by_role("button", name=re.compile("^(Pay|Confirm)")).click()

    # --- looking ------------------------------------------------------------------------------

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name).first

    def heading(self, words: str) -> Locator:
        return self.page.get_by_role("heading", level=1, name=words)

    def sees(self, words: str) -> None:
        """The page's heading says so, now or within some seconds."""
        expect(self.heading(words)).to_be_visible(timeout=20_000)

    def reads(self, words: str | re.Pattern[str]) -> None:
        """The words stand somewhere on the page, now or within some seconds."""
        expect(self.page.get_by_text(words).first).to_be_visible(timeout=20_000)

    def sideways_pixels(self) -> int:
        """How far the page can be scrolled sideways."""
        pixels: int = self.page.evaluate(SIDEWAYS)
        return pixels

    def barriers(self) -> list[str]:
        """What axe finds wrong for people with disabilities, in light and in dark colours."""
        self.page.evaluate(AXE)
        found = [f"{scheme} {line}" for scheme in SCHEMES for line in self._axe(scheme)]
        self.page.emulate_media(color_scheme="light")
        return found

    def _axe(self, scheme: str) -> list[Any]:
        # Without motion, or axe sees colours half way from one scheme to the other.
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        lines: list[Any] = self.page.evaluate(RUN_AXE, SCHEMES[scheme])
        return lines
