"""A member of staff at the admin: the verbs of the desk's browser tests."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.browser.shopper import ORDER, Shopper
from tests.desk.people import person
from tests.stack import Stack

PASSWORD = "x"


@dataclass
class Sale:
    """An order whose money is at the bank."""

    number: str
    reference: str
    total_minor: int


def sell(shop: Stack, pieces: int = 1) -> Sale:
    """Some mugs, ordered and paid by QR code."""

    def post(path: str, body: dict[str, object]) -> dict[str, object]:
        key = {"Idempotency-Key": secrets.token_urlsafe(24)}
        answer = shop.client.post(path, json=body, headers=key)
        assert answer.status_code == 201, answer.text
        told: dict[str, object] = answer.json()
        return told

    lines = [{"sku": "mug-blue", "quantity": pieces}]
    order = post("/api/v1/orders/", {**ORDER, "lines": lines})
    where = f"/api/v1/orders/{order['public_id']}/"
    reference = str(post(f"{where}payments/", {"method": "qr"})["reference"])
    assert shop.bank.pay(reference).status_code == 200
    until = time.monotonic() + 15
    while shop.client.get(where).json()["state"] != "paid":
        assert time.monotonic() < until, "the order was never paid"
        time.sleep(0.1)
    return Sale(str(order["number"]), reference, int(str(order["total_minor"])))


@dataclass
class Clerk(Shopper):
    """One member of staff at one browser page; what a shopper can see, they can too."""

    page: Page
    shop: Stack
    name: str = "ada"

    def hire(self, *rights: str) -> Clerk:
        """Give the account and sign in by the admin's own page."""
        person(self.name, *rights)
        self.page.goto("/admin/")
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("searchbox").first).to_be_visible()
        return self

    def find(self, text: str) -> None:
        """Type into the box that stands on every page."""
        self.page.get_by_role("searchbox").first.fill(text)
        self.page.get_by_role("searchbox").first.press("Enter")

    def open_refund(self, sale: Sale) -> None:
        """Find the payment, press refund, type the password if asked."""
        self.find(sale.reference)
        self.sees(f"Order {sale.number}")
        self.page.get_by_role("link", name="Refund…").click()
        self.page.wait_for_url(re.compile("/(refund|confirm)/"))
        self.type_password()
        self.sees("Refund of payment")

    def type_password(self) -> None:
        if self.page.get_by_label("Password of").count():
            self.page.get_by_label("Password of").fill(PASSWORD)
            self.page.get_by_role("button", name="Go on").click()
            self.page.wait_for_url(lambda url: "/confirm/" not in url)

    def preview(self, amount: str = "") -> None:
        if amount:
            self.page.get_by_label("An amount in EUR").check()
            self.page.get_by_label("Amount in EUR", exact=True).fill(amount)
        self.page.get_by_label("Reason").select_option("goods returned")
        self.page.get_by_role("button", name="Show before and after").click()
        self.sees("Check the refund")
