"""Another site sends our forms, frames our pages, names our host, or asks where to lead to."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.test.utils import override_settings

from orders.models import Basket
from tests.factories import ProductFactory, fill_basket
from tests.orders.story import fresh, pay
from tests.security.census import nothing_changes
from tests.security.conftest import signed_in, staff
from tests.security.hand import send

pytestmark = pytest.mark.django_db

FORMS = ("/currency/", "/basket/add/", "/basket/update/", "/checkout/", "/i18n/setlang/")
BUTTONS = ("pay/", "check/", "cancel/", "again/", "another/")
METHOD = {"method": "qr", "key": "k" * 20, "sku": "mug", "currency": "USD"}


@pytest.mark.parametrize("path", [*FORMS, "/admin/login/"])
def test_a_guests_form_without_our_token_does_nothing(careful_guest, path, security_log):
    careful_guest.cookies["basket"] = fill_basket((ProductFactory(sku="mug"), 1))
    with nothing_changes():
        assert careful_guest.post(path, METHOD).status_code == 403
    assert security_log.has_one_line()


@pytest.mark.parametrize("door", BUTTONS)
def test_a_button_pressed_from_another_site_does_nothing(
    careful_guest, order, bank, door, security_log
):
    with nothing_changes(bank):
        answer = careful_guest.post(f"/orders/{order.public_id}/{door}", METHOD)
    assert answer.status_code == 403
    assert security_log.has_one_line(order.public_id)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://testserver.evil.example"]
)
def test_a_stolen_token_does_not_help_another_origin(careful_guest, order, bank, origin):
    page = careful_guest.get(f"/orders/{order.public_id}/").content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    told = METHOD | {"csrfmiddlewaretoken": found[1]}
    path = f"/orders/{order.public_id}/pay/"
    with nothing_changes(bank):
        assert careful_guest.post(path, told, headers={"Origin": origin}).status_code == 403
    assert (
        careful_guest.post(path, told, headers={"Origin": "http://testserver"}).status_code == 302
    )


@pytest.mark.parametrize("door", ["refunds/", "refresh/"])
def test_a_session_of_staff_cannot_be_used_from_another_site(paid, bank, door, security_log):
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff("refunder", "payments.refund_payment", "payments.view_payment"))
    reference = bank.payments()[0]["reference"]
    body = {"amount_minor": 100, "refunded_so_far_minor": 0, "reason": "x"}
    with nothing_changes(bank):
        answer = send(client, f"/api/v1/payments/{reference}/{door}", body)
        plain = send(
            client, f"/api/v1/payments/{reference}/{door}", body, content_type="text/plain"
        )
    assert (answer.status_code, plain.status_code) == (403, 403)
    assert len(security_log.lines) == 2


@pytest.mark.parametrize("door", ["refunds/", "refresh/"])
def test_the_staff_api_takes_no_foreign_content_type(paid, bank, door):
    client = signed_in(staff("refunder", "payments.refund_payment", "payments.view_payment"))
    path = f"/api/v1/payments/{bank.payments()[0]['reference']}/{door}"
    with nothing_changes(bank):
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "x/y"):
            assert send(client, path, "{}", content_type=media_type).status_code == 415


def test_the_shoppers_api_takes_nothing_from_a_session(order, bank, chief):
    client = Client(enforce_csrf_checks=True)
    client.force_login(chief)
    assert send(client, f"/api/v1/orders/{order.public_id}/cancel/").status_code == 200
    assert send(client, f"/api/v1/orders/{'x' * 24}/cancel/").status_code == 404


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https:evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "https://testserver@evil.example/",
        "http://evil.example",
        "///evil.example",
        "https://testserver.evil.example/",
        "data:text/html,x",
        "/\\evil.example",
        "\r\nLocation: //evil",
    ],
)
def test_no_address_leads_away_from_the_shop(guest, chief, order, target):
    chief.set_password("correct-horse-battery")
    chief.save()
    sign_in = {"username": "chief", "password": "correct-horse-battery", "next": target}
    answers = [
        guest.post("/i18n/setlang/", {"language": "de", "next": target}),
        guest.post("/i18n/setlang/", {"language": "de"}, headers={"Referer": target}),
        guest.post(
            "/currency/", {"currency": "EUR", "next": target}, query_params={"next": target}
        ),
        guest.post("/basket/add/", {"sku": ProductFactory().sku, "next": target}),
        guest.get(f"/orders/{order.public_id}/back/", {"return_url": target, "next": target}),
        guest.post(f"/orders/{order.public_id}/check/", {"next": target}),
        guest.post("/admin/login/", sign_in, query_params={"next": target}),
    ]
    for answer in answers:
        assert answer.status_code == 302
        # One slash, then neither a second one nor anything that a browser makes into one.
        assert re.fullmatch(r"/(?![/\\])[!-~]*", answer["Location"]), answer["Location"]


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "testserver:80@evil", "", "a b"]
)
def test_a_foreign_host_is_refused_everywhere(guest, host, security_log):
    for path in ("/", "/admin/", "/api/v1/products/", "/webhooks/sandbox/", "/nothing/"):
        security_log.lines.clear()
        answer = guest.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert security_log.has_one_line("evil")
        assert b"evil" not in answer.content
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def test_what_a_proxy_would_say_is_not_believed_from_anybody(guest, order):
    told = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Port": "1",
    }
    shown = guest.get(f"/orders/{order.public_id}/", headers=told)
    assert shown.status_code == 200
    assert b"evil.example" not in shown.content
    assert not shown.wsgi_request.is_secure()


@pytest.mark.parametrize(
    "path", ["/api/v1/orders/", "/api/v1/products/", "/webhooks/sandbox/", "/"]
)
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_no_other_site_reads_an_answer(guest, path, origin):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for verb in ("OPTIONS", "GET", "POST"):
        answer = guest.generic(verb, path, headers=asked)
        assert [name for name in answer.headers if name.startswith("Access-Control")] == []


def test_only_the_page_of_an_embedded_payment_frames_the_bank(guest, order, bank, settings):
    before = guest.get(f"/orders/{order.public_id}/")["Content-Security-Policy"]
    pay(order, "card")
    policy = guest.get(f"/orders/{order.public_id}/")["Content-Security-Policy"]
    assert "frame-src" not in before
    assert f"frame-src {settings.BANK_PUBLIC_URL}" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_pages_carry_no_script_and_no_style_of_their_own(guest, order, bank):
    pay(order, "qr")
    for path in ("/", "/basket/", f"/orders/{order.public_id}/", "/nothing/", "/admin/login/"):
        page = guest.get(path).content.decode()
        assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>(?!\s*</script>)", page) == []
        assert re.findall(r'\s(?:on[a-z]+|style)="', page) == []
        assert re.findall(r'(?:src|href)="(?:https?:)?//(?!127)', page) == []


class TestCookies:
    """Nobody else's script, site or connection gets them."""

    def test_each_is_out_of_reach_for_scripts_and_other_sites(self, guest, chief):
        chief.set_password("correct-horse-battery")
        chief.save()
        guest.get("/admin/login/")
        guest.post("/admin/login/", {"username": "chief", "password": "correct-horse-battery"})
        guest.post("/basket/add/", {"sku": ProductFactory().sku})
        guest.post("/i18n/setlang/", {"language": "de", "next": "/"})
        assert set(guest.cookies) == {"session", "csrf", "basket", "django_language"}
        for cookie in guest.cookies.values():
            assert cookie["httponly"], cookie
            assert cookie["samesite"] == "Lax", cookie
            assert not cookie["domain"], cookie

    @override_settings(SECURE_SSL_REDIRECT=True)
    def test_without_encryption_a_secure_shop_only_leads_to_itself(self, guest):
        answer = guest.get("/basket/")
        assert (answer.status_code, answer["Location"]) == (301, "https://testserver/basket/")
        assert guest.get("/livez").status_code == 200

    def test_signing_in_makes_a_new_session_and_keeps_the_basket(self, guest, chief):
        chief.set_password("correct-horse-battery")
        chief.save()
        guest.cookies["basket"] = token = fill_basket((ProductFactory(), 1))
        guest.cookies["session"] = "f" * 32
        sign_in = {"username": "chief", "password": "correct-horse-battery"}
        guest.post("/admin/login/", sign_in)
        fresh_key = guest.cookies["session"].value
        assert fresh_key != "f" * 32
        assert guest.cookies["basket"].value == token
        guest.post("/admin/logout/")
        guest.cookies["session"] = fresh_key
        assert guest.get("/admin/").status_code == 302

    @pytest.mark.parametrize("name", ["basket", "session", "csrf", "django_language", "messages"])
    @pytest.mark.parametrize(
        "value", ['"\\000"', '"\\000' + "a" * 40 + '"', "x" * 4000, '"\\377\\";"', "%00"]
    )
    def test_a_broken_cookie_is_no_cookie(self, name, value):
        client = Client(raise_request_exception=False)
        for path in ("/", "/basket/", "/admin/login/", "/admin/", "/nothing/"):
            assert client.get(path, headers={"Cookie": f"{name}={value}"}).status_code < 500
        assert not Basket.objects.exists()


def test_an_order_closed_by_a_get_is_no_order_closed(guest, order):
    for verb in ("GET", "HEAD", "OPTIONS", "TRACE"):
        guest.generic(verb, f"/orders/{order.public_id}/cancel/")
        guest.generic(verb, f"/api/v1/orders/{order.public_id}/cancel/")
    assert fresh(order).state == "unpaid"
