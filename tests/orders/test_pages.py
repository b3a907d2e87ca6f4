"""The shopper's pages over HTTP: from the catalogue to the receipt."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from orders.models import Basket, Order, Price, Product
from payments.models import Payment
from shop import idempotency
from tests.bank import Bank
from tests.factories import ProductFactory
from tests.factories import place as place_order
from tests.orders.pages import page_of, place, with_basket
from tests.orders.story import pay

pytestmark = pytest.mark.django_db(transaction=True)
NOWHERE = "A" * 24


def test_the_catalogue_shows_each_good_with_its_price(client: Client):
    ProductFactory(title="Blue mug", prices={"EUR": 1800})
    words = client.get("/").content.decode()
    assert "Blue mug" in words
    assert "€18.00" in words


def test_the_whole_order_is_placed_from_the_form_and_leads_to_its_page(client: Client):
    with_basket(client)
    answer = place(client)
    order = Order.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page_of(order))
    assert (order.total_minor, order.delivery_code) == (2489, "standard")
    assert order.address["city"] == "Berlin"


def test_a_price_sent_by_the_browser_is_no_price(client: Client):
    with_basket(client)
    place(client, price="1", total="1", unit_price_minor="1", goods_minor="1")
    assert Order.objects.get().total_minor == 2489


def test_a_price_that_changed_meanwhile_is_shown_and_must_be_confirmed(client: Client):
    with_basket(client)
    Price.objects.update(amount_minor=2999)
    answer = place(client)
    assert answer.status_code == 409
    assert "the total is now €34.89" in answer.content.decode()
    assert not Order.objects.exists()
    place(client, total_standard=3489)
    assert Order.objects.get().total_minor == 3489


def test_goods_that_ran_out_lead_back_to_the_basket_that_says_so(client: Client):
    with_basket(client)
    Product.objects.update(stock_free=0, stock_sold=100)
    answer = client.post("/checkout/", follow=True)
    assert answer.status_code == 400
    answer = place(client)
    assert answer["Location"] == "/basket/?changed=1"
    assert "sold out" in client.get("/basket/").content.decode()
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "quantity", ["-1", "0.1", "1e3", "1 ", "2147483648", "9223372036854775808", "NaN", "２", "x"]
)
def test_a_strange_quantity_changes_nothing(client: Client, quantity: str):
    token = with_basket(client)
    answer = client.post("/basket/update/", {"sku": "mug", "quantity": quantity})
    assert answer.status_code == 400
    assert Basket.objects.get(token=token).version == 2


def test_an_unknown_good_or_currency_is_refused(client: Client):
    assert client.post("/basket/add/", {"sku": "nothing"}).status_code == 400
    assert client.post("/currency/", {"currency": "XXX"}).status_code == 400


def test_a_press_whose_twin_is_in_flight_lands_on_the_order_not_on_an_error(client: Client):
    order = place_order()
    print_of_form = idempotency.fingerprint({"method": "qr", "payer": {}})
    scope, key = f"page pay {order.public_id}", "k" * 24
    idempotency.Claim(scope, f"{key}:qr", print_of_form).take(now=timezone.now())
    answer = client.post(f"{page_of(order)}pay/", {"method": "qr", "key": key})
    assert (answer.status_code, answer["Location"]) == (302, f"{page_of(order)}?method=qr")


def test_paying_a_paid_order_shows_the_receipt(client: Client, bank: Bank):
    order = place_order()
    bank.pay(pay(order).payment.reference)
    client.post(f"{page_of(order)}check/")
    answer = client.post(f"{page_of(order)}pay/", {"method": "card", "key": "k" * 24}, follow=True)
    assert b"Paid. Thank you!" in answer.content
    assert len(bank.payments()) == 1


def test_a_way_to_pay_that_is_no_more_is_said_on_the_order_page(client: Client):
    order = place_order()
    form = {"method": "carrier-pigeon", "key": "k" * 24}
    answer = client.post(f"{page_of(order)}pay/", form, follow=True)
    assert answer.status_code == 200
    assert b"This way to pay cannot be reached right now" in answer.content


def test_a_bank_that_wants_a_form_gets_its_own_fields_and_no_others(client: Client, bank: Bank):
    order = place_order()
    pay(order)
    shown = {"kind": "form_post", "url": "https://bank.example/in", "fields": {"tok": "<1>"}}
    Payment.objects.update(presentation=shown)
    answer = client.get(page_of(order))
    form = re.search(
        r'<form action="https://bank.example/in".*?</form>', answer.content.decode(), re.S
    )
    assert form is not None
    assert 'name="tok" value="&lt;1&gt;"' in form[0]
    assert "csrf" not in form[0]
    assert "form-action 'self' https://bank.example" in answer["Content-Security-Policy"]


def test_a_voucher_shows_its_number(client: Client, bank: Bank):
    order = place_order()
    pay(order)
    shown = {"kind": "voucher", "url": "https://bank.example/v", "number": "0019 3737"}
    Payment.objects.update(presentation=shown)
    assert b"0019 3737" in client.get(page_of(order)).content


def test_german_is_spoken_and_counted_as_germans_do(client: Client):
    with_basket(client)
    client.post("/i18n/setlang/", {"language": "de"})
    words = client.get("/basket/").content.decode()
    assert '<html lang="de" dir="ltr">' in words
    assert "19,99\xa0€" in words
    assert "Weiter zu Ihren Angaben" in words


@pytest.mark.parametrize(
    ("currency", "price", "shown"), [("JPY", 2980, "¥2,980"), ("KWD", 6150, "6.150")]
)
def test_amounts_keep_their_currencys_decimals(
    client: Client, currency: str, price: int, shown: str
):
    ProductFactory(prices={currency: price})
    client.post("/currency/", {"currency": currency})
    assert shown in client.get("/").content.decode()


def test_a_bank_may_send_the_browser_back_by_a_form_of_its_own():
    order = place_order()
    other_site = Client(enforce_csrf_checks=True)
    back = other_site.post(f"/orders/{order.public_id}/back/", {"respCode": "00", "paid": "yes"})
    assert back.status_code == 302
    assert back["location"].startswith(f"/orders/{order.public_id}/?asked=")
    assert Order.objects.get(pk=order.pk).state == "unpaid"
