"""What no request can talk the pages into, what they tell nobody, and what they cost."""

import gzip
import re
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.shortcuts import render
from django.template.loader import get_template
from django.test import Client, RequestFactory
from django.utils import timezone
from django.utils.translation import override

from orders.models import Order
from payments.models import Payment
from shop.problems import NotFound
from tests.bank import Bank
from tests.factories import ProductFactory
from tests.factories import place as place_order
from tests.orders.pages import Inventory, page_of, place, with_basket
from tests.orders.story import pay
from tests.statements import counted

pytestmark = pytest.mark.django_db(transaction=True)
NOWHERE = "A" * 24


@pytest.mark.parametrize("public_id", [NOWHERE, "short", "%00" * 8, "x" * 300, "' or 1=1 --"])
def test_an_unknown_order_is_the_same_page_whatever_was_asked(client: Client, public_id: str):
    answer = client.get(f"/orders/{public_id}/")
    other = client.get(f"/orders/{NOWHERE[::-1]}/")
    assert answer.status_code == other.status_code == 404
    assert words_of(answer.content) == words_of(other.content)


def words_of(content: bytes) -> str:
    """The page without what differs from one request to the next."""
    words = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", content.decode())
    return re.sub(r'name="next" value="[^"]*"', "", words)


def test_guessing_addresses_is_slowed_down_but_real_orders_still_open(client: Client):
    order = place_order()
    for _ in range(settings.LOOKUP_MISSES_PER_MINUTE + 1):
        refused = client.get(f"/orders/{NOWHERE}/")
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert client.get(page_of(order)).status_code == 200


def test_a_page_of_money_is_stored_nowhere_and_tells_nobody_where_it_was(client: Client):
    answer = client.get(page_of(place_order()))
    assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))
    assert answer["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


def test_the_cookies_cannot_be_read_by_scripts_or_sent_from_elsewhere(client: Client):
    ProductFactory(sku="mug")
    client.post("/basket/add/", {"sku": "mug"})
    cookie = client.cookies["basket"]
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"


ACTIONS = ["currency", "basket/add", "basket/update", "checkout"]
ACTIONS += [f"orders/{{}}/{verb}" for verb in ("pay", "check", "cancel", "again", "another")]


@pytest.mark.parametrize("action", ACTIONS)
def test_a_form_from_elsewhere_is_refused_also_for_guests(action: str):
    order = place_order()
    browser = Client(enforce_csrf_checks=True)
    answer = browser.post(f"/{action.format(order.public_id)}/", {"method": "qr"})
    assert answer.status_code == 403
    assert b"This form has expired" in answer.content
    assert not Payment.objects.exists()


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != "checkout"])
def test_what_changes_something_cannot_be_got(client: Client, action: str):
    assert client.get(f"/{action.format(place_order().public_id)}/").status_code == 405


@pytest.mark.parametrize("evil", ["//evil.example", "https:evil.example", "/%09/evil", "\\\\evil"])
def test_no_parameter_sends_the_shopper_elsewhere(client: Client, evil: str):
    order = place_order()
    for path in ("/i18n/setlang/", "/currency/", f"{page_of(order)}pay/"):
        asked = {"next": evil, "return_url": evil, "language": "de", "currency": "EUR"}
        location = client.post(f"{path}?next={evil}", asked)["Location"]
        assert re.fullmatch(r"/[^/\\].*|/", location), location
    back = client.get(f"{page_of(order)}back/?next={evil}")["Location"]
    assert back.startswith(f"{page_of(order)}?asked=")


def test_a_forged_success_address_only_asks_and_stays_as_it_is(client: Client, bank: Bank):
    order = place_order()
    pay(order, "redirect")
    for _ in range(20):
        answer = client.get(f"{page_of(order)}back/?status=paid&success=1", follow=True)
    assert b"We are checking with your bank" in answer.content
    assert Order.objects.get().state == "paying"


def test_looking_at_the_page_asks_no_gateway_and_waits_for_nobody(client: Client, bank: Bank):
    order = place_order()
    reference = pay(order).payment.reference
    bank.faults(delay_ms=9000)
    started_at = time.monotonic()
    assert client.get(page_of(order)).status_code == 200
    assert time.monotonic() - started_at < 6
    assert Payment.objects.get(reference=reference).poll_count == 0


def test_opening_a_stale_page_brings_the_next_ask_forward_once(client: Client, bank: Bank):
    order = place_order()
    pay(order)
    client.get(page_of(order))
    first = Payment.objects.get().next_poll_at
    assert first is not None
    assert first <= timezone.now()
    client.get(page_of(order))
    assert Payment.objects.get().next_poll_at == first


def test_only_the_page_of_an_embedded_payment_names_a_stranger(client: Client, bank: Bank):
    order = place_order()
    assert "frame-src" not in client.get(page_of(order))["Content-Security-Policy"]
    pay(order, "card")
    policy = client.get(page_of(order))["Content-Security-Policy"]
    assert f"frame-src {bank.url}" in policy.split("; ")
    assert policy.count("http") == 1


def test_what_a_shopper_typed_is_shown_as_text(client: Client):
    with_basket(client)
    place(client, name="<script>alert(1)</script>{{7*7}}\r\nX-Evil: 1")
    words = client.get(page_of(Order.objects.get())).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in words


def test_every_page_runs_one_script_of_ours_and_nothing_else(client: Client, bank: Bank):
    with_basket(client)
    order = place_order()
    pay(order)
    for path in ("/", "/basket/", "/checkout/", page_of(order), f"/orders/{NOWHERE}/"):
        found = Inventory(client.get(path).content.decode())
        assert found.scripts == ["/static/js/shop.js"], path
        assert (found.inline, found.foreign) == ([], []), path


def test_a_page_weighs_less_than_a_hundred_kilobytes(client: Client, bank: Bank):
    order = place_order()
    pay(order)
    static = settings.BASE_DIR / "static"
    shared = [*static.glob("js/*.js"), *static.glob("css/*.css"), static / "favicon.svg"]
    fonts = sum(path.stat().st_size for path in static.glob("vendor/fonts/*.woff2"))
    weight = fonts + sum(packed(path) for path in [*shared, *static.glob("goods/*.svg")])
    assert weight + len(client.get(page_of(order)).content) < 100_000


def packed(path: Path) -> int:
    """As it travels: text is compressed when the shop is deployed."""
    return len(gzip.compress(path.read_bytes()))


def test_the_order_page_reads_little(client: Client, bank: Bank):
    order = place_order()
    pay(order)
    client.get(page_of(order))
    with counted() as cost:
        client.get(page_of(order))
    assert cost.queries <= 4, cost


@pytest.mark.parametrize("page", ["400", "403", "403_csrf", "404", "429", "500", "problem"])
def test_an_error_page_asks_nothing_of_a_database_that_may_be_gone(rf: RequestFactory, page: str):
    request = rf.get("/", headers={"cookie": "basket=some-token"})
    with counted() as cost, override("en"):
        words = render(request, f"{page}.html", {"problem": NotFound()}).content.decode()
    assert cost.queries == 0
    assert "Need help?" in words


def test_an_error_page_needs_no_request_either():
    with override("en"):
        assert "We could not read that" in get_template("400.html").render()
