"""A shopper who sends more than the form has, another's address, or a forged way back."""

from __future__ import annotations

import pytest
from django.test import Client

from orders.models import Basket, Order
from payments.models import Payment
from tests.factories import DeliveryFactory, ProductFactory, fill_basket, place
from tests.orders.story import fresh, pay
from tests.security.census import nothing_changes
from tests.security.conftest import signed_in
from tests.security.hand import same_page

pytestmark = pytest.mark.django_db

DETAILS = {
    "email": "ada@example.com",
    "name": "Ada",
    "line1": "Main Street 1",
    "street": "Main Street 1",
    "postcode": "10115",
    "city": "Berlin",
    "country": "DE",
    "delivery": "standard",
}
PAGES = ("", "back/", "invoice.pdf")
BUTTONS = ("pay/", "check/", "cancel/", "again/", "another/")


def shopper(*lines) -> tuple[Client, int]:
    """A browser with a basket, and the basket's version."""
    token = fill_basket(*lines)
    client = Client(raise_request_exception=False)
    client.cookies["basket"] = token
    return client, Basket.objects.get(token=token).version


def test_prices_and_totals_sent_with_the_form_count_for_nothing():
    DeliveryFactory()
    client, version = shopper((ProductFactory(), 2))
    told = {
        "total_minor": 1,
        "price_minor": 1,
        "discount": 4000,
        "delivery_minor": 0,
        "state": "paid",
    }
    client.post("/checkout/", DETAILS | told | {"version": version})
    order = Order.objects.get()
    assert (order.total_minor, order.delivery_minor, order.state) == (2 * 1999 + 490, 490, "unpaid")


def test_a_total_that_was_not_the_pages_is_shown_again_and_orders_nothing():
    DeliveryFactory()
    client, version = shopper((ProductFactory(), 1))
    with nothing_changes():
        answer = client.post("/checkout/", DETAILS | {"version": version, "total_standard": "1"})
    assert answer.status_code == 409
    assert "€24.89" in answer.content.decode()


def test_a_delivery_that_is_not_offered_orders_nothing():
    DeliveryFactory()
    client, version = shopper((ProductFactory(), 1))
    with nothing_changes():
        for code in ("free", "", "standard\0", "' OR 1=1"):
            told = DETAILS | {"version": version, "delivery": code}
            assert client.post("/checkout/", told).status_code == 400


@pytest.mark.parametrize(
    "quantity",
    [
        *("-1", "0.1", "1e3", "1 ", " 1", "+1", "100", "2147483648", "9" * 5000, "NaN", "true"),
        *("１", "٣", "[1]", "0x1", "1\0", "1\n", "1;2"),
    ],
)
def test_a_quantity_that_is_no_small_whole_number_is_refused(quantity):
    good = ProductFactory()
    client, _ = shopper((good, 1))
    with nothing_changes():
        answer = client.post("/basket/update/", {"sku": good.sku, "quantity": quantity})
    assert answer.status_code == 400


@pytest.mark.parametrize("sku", ["", "\0", "nothing", "x" * 5000, "' OR 1=1 --", "{{7*7}}", "ä"])
def test_a_good_that_is_none_goes_into_no_basket(sku, security_log):
    client, _ = shopper((ProductFactory(), 1))
    with nothing_changes():
        assert client.post("/basket/add/", {"sku": sku}).status_code == 400
    assert security_log.has_one_line("OR 1=1")


def test_more_than_the_form_has_changes_no_good_and_no_price():
    good = ProductFactory()
    client, _ = shopper()
    client.post(
        "/basket/add/", {"sku": good.sku, "quantity": "50", "price_minor": "1", "stock": "9"}
    )
    assert [line.quantity for line in Basket.objects.get(lines__product=good).lines.all()] == [1]
    good.refresh_from_db()
    assert (good.stock_free, good.prices.get().amount_minor) == (100, 1999)


def test_anothers_basket_is_not_found_by_guessing():
    fill_basket((ProductFactory(title="Secret lamp"), 1))
    for token in ("1", "\0", "x" * 32, "../1", "' OR 1=1 --"):
        client = Client(raise_request_exception=False)
        client.cookies["basket"] = token
        answer = client.get("/basket/")
        assert answer.status_code == 200
        assert b"Secret lamp" not in answer.content


@pytest.mark.parametrize("door", [*PAGES, *BUTTONS])
def test_no_order_is_found_by_number_guess_or_part_of_its_address(guest, order, door, settings):
    settings.LOOKUP_MISSES_PER_MINUTE = 100
    wrong = [order.number, str(order.pk), order.public_id[:-1], order.public_id.swapcase()]
    wrong += ["x" * 24, order.public_id + "x", "%00" + order.public_id, "9" * 25]
    ask = guest.post if door in BUTTONS else guest.get
    with nothing_changes():
        answers = [ask(f"/orders/{public_id}/{door}") for public_id in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({same_page(answer) for answer in answers}) == 1


def test_signing_in_opens_nobodys_order_and_closes_none(order, chief):
    client = signed_in(chief)
    assert client.get(f"/orders/{order.public_id}/").status_code == 200
    assert client.get(f"/orders/{'x' * 24}/").status_code == 404


def test_the_way_back_is_believed_nothing_however_it_is_forged(guest, order, bank):
    pay(order, "redirect")
    payment = Payment.objects.get().reference
    guest.get(f"/orders/{order.public_id}/back/")  # brings the next question forward, once
    forged = f"?state=paid&success=1&paid=true&reference={payment}&amount=4489&asked=1&go=1&same=1"
    with nothing_changes(bank):
        for _ in range(20):
            assert guest.get(f"/orders/{order.public_id}/back/{forged}").status_code == 302
            shown = guest.get(f"/orders/{order.public_id}/{forged}")
            assert shown.status_code == 200
    assert fresh(order).state == "paying"
    assert "Paid. Thank you" not in shown.content.decode()


def test_looking_changes_nothing(guest, order, paid, bank):
    with nothing_changes(bank):
        for public_id in (order.public_id, paid.public_id):
            for door in PAGES:
                guest.get(f"/orders/{public_id}/{door}")
            for door in ("", "status/"):
                guest.get(f"/api/v1/orders/{public_id}/{door}")
        for path in ("/", "/basket/", "/checkout/", "/api/v1/products/", "/i18n/setlang/"):
            guest.get(path)


def test_an_order_has_no_door_through_which_it_is_changed(guest, order):
    with nothing_changes():
        for verb in ("PUT", "PATCH", "DELETE"):
            for path in (f"/orders/{order.public_id}/", f"/api/v1/orders/{order.public_id}/"):
                body = '{"total_minor": 1, "state": "paid", "email": "eve@example.com"}'
                answer = guest.generic(verb, path, body, content_type="application/json")
                assert answer.status_code == 405


def test_a_basket_changed_after_ordering_changes_no_order():
    DeliveryFactory()
    good = ProductFactory()
    client, version = shopper((good, 1))
    client.post("/checkout/", DETAILS | {"version": version})
    order = Order.objects.get()
    client.post("/basket/add/", {"sku": good.sku})
    client.post("/currency/", {"currency": "USD"})
    assert fresh(order).total_minor == order.total_minor


BAIT = "<script>alert(1)</script>{{7*7}}{% debug %}"


@pytest.mark.parametrize("bait", [BAIT, "=cmd|' /C calc'!A0", '" onload="x', "a\u202eb"])
def test_what_people_write_is_shown_as_they_wrote_it_and_does_nothing(bait, chief):
    DeliveryFactory()
    client, version = shopper((ProductFactory(), 1))
    told = DETAILS | {"version": version, "name": bait[:60], "city": bait[:60]}
    client.post("/checkout/", told)
    order = Order.objects.get()
    assert order.address["name"] == bait[:60]
    pages = [client.get(f"/orders/{order.public_id}/")]
    pages.append(signed_in(chief).get(f"/admin/orders/order/{order.pk}/change/"))
    for shown in pages:
        text = shown.content.decode()
        assert shown.status_code == 200
        assert "<script>alert" not in text
        assert '" onload="' not in text
        assert "49{%" not in text


@pytest.mark.parametrize(
    "email", ["ada@example.com\r\nBcc: eve@example.com", "ada@example.com\0", "a" * 300 + "@b.de"]
)
def test_an_address_for_mail_carries_no_second_line(email):
    DeliveryFactory()
    client, version = shopper((ProductFactory(), 1))
    with nothing_changes():
        answer = client.post("/checkout/", DETAILS | {"version": version, "email": email})
    assert answer.status_code == 400


def test_the_bank_is_told_our_own_addresses_whatever_the_browser_says(order, bank, settings):
    evil = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.example",
    }
    client = Client(headers=evil)
    told = {"method": "redirect", "key": "k" * 20, "return_url": "https://evil.example/"}
    client.post(f"/orders/{order.public_id}/pay/?return_url=https://evil.example/", told)
    request = Payment.objects.get().request
    assert request["notify_url"] == f"{settings.SHOP_URL}/webhooks/sandbox/"
    assert request["return_url"].startswith(f"{settings.SHOP_URL}/orders/{order.public_id}/")


def test_orders_placed_by_two_people_share_no_address():
    assert len({place().public_id for _ in range(10)}) == 10
    assert min(len(order.public_id) for order in Order.objects.all()) >= 24
