"""What the tests of pages share: a browser without a screen, and its usual moves."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.test import Client

from orders.models import Order
from tests.factories import DeliveryFactory, ProductFactory, fill_basket

DETAILS = {
    "email": "ada@example.org",
    "name": "Ada Lovelace",
    "street": "Rechenweg 12",
    "postcode": "10115",
    "city": "Berlin",
    "country": "DE",
    "delivery": "standard",
}


def with_basket(client: Client, *, price_minor: int = 1999) -> str:
    """Give the browser a basket with one good; its token."""
    DeliveryFactory()
    token = fill_basket((ProductFactory(sku="mug", prices={"EUR": price_minor}), 1))
    client.cookies["basket"] = token
    return token


def place(client: Client, **changes: Any) -> Any:
    """Send the details' form as the page would."""
    form = {**DETAILS, "version": 2, "total_standard": 2489, **changes}
    return client.post("/checkout/", form)


def page_of(order: Order) -> str:
    return f"/orders/{order.public_id}/"


class Inventory(HTMLParser):
    """What a page would run or fetch: scripts, styles, handlers, frames."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.inline: list[str] = []
        self.foreign: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "script":
            self.scripts.append(told.get("src") or "inline")
        if tag == "style" or "style" in told or any(name.startswith("on") for name in told):
            self.inline.append(f"{tag} {told}")
        fetched = told.get("src") or (told.get("href") if tag == "link" else "") or ""
        if fetched.startswith(("http:", "https:", "//")):
            self.foreign.append(fetched)
