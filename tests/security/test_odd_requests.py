"""Requests that no browser sends: refused early, in plain words, and nothing is written."""

from __future__ import annotations

import io

import pytest

from orders.models import Order
from tests.factories import ProductFactory
from tests.security.census import nothing_changes
from tests.security.hand import kind, send

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
MB_10 = 10_000_000


@pytest.fixture(autouse=True)
def nothing_is_written(db, bank):
    ProductFactory(sku="mug")
    ProductFactory(sku="yacht", prices={"EUR": 10**12})
    with nothing_changes(bank):
        yield


class TestForms:
    """Every page form."""

    @pytest.fixture(params=["/basket/add/", "/basket/update/", "/checkout/", "/currency/"])
    def path(self, request) -> str:
        return str(request.param)

    def test_two_thousand_fields_are_too_many(self, guest, path, security_log):
        assert guest.post(path, {f"f{n}": "1" for n in range(2000)}).status_code == 400
        assert security_log.has_one_line()

    def test_ten_megabytes_are_too_much(self, guest, path, security_log):
        assert guest.post(path, "sku=" + "x" * MB_10, content_type=FORM).status_code == 400
        assert security_log.has_one_line("xxx")

    def test_an_uploaded_file_of_ten_megabytes_is_not_taken_in(self, guest, path, security_log):
        assert guest.post(path, {"sku": "mug", "file": io.BytesIO(b"x" * MB_10)}).status_code == 400
        assert security_log.has_one_line()

    @pytest.mark.parametrize(
        ("body", "media_type"),
        [
            (b"--x\r\n", "multipart/form-data"),
            (b"--x\r\n", "multipart/form-data; boundary=" + "x" * 300),
            (b"--x\r\nContent-Disposition: form-data", "multipart/form-data; boundary=x"),
            (b"sku=mug", f"{FORM}; charset=utf-16"),
            (b"sku=mug", f"{FORM}; charset=utf-7"),
            (b"\xff\xfe\x00", FORM),
            (b"sku=%ED%A0%80&currency=%00&quantity=%FF", FORM),
            (b"&&&==;;", FORM),
            (b'{"sku": "mug"}', "application/json"),
            (b"sku=mug", "text/plain"),
            (b"\x1f\x8b\x08", f"{FORM}"),
            (b"sku", ""),
        ],
    )
    def test_a_body_that_is_no_form_is_no_form(self, guest, path, body, media_type):
        answer = guest.generic("POST", path, body, content_type=media_type)
        assert answer.status_code in (400, 415)


class TestAddresses:
    """What stands in the first line."""

    @pytest.mark.parametrize(
        "before", ["/orders/", "/api/v1/orders/", "/webhooks/", "/admin/", "/"]
    )
    def test_five_thousand_digits_lead_nowhere(self, guest, before):
        for last in ("/", "", "/pay/", "/payments/"):
            answer = guest.get(before + "9" * 5000 + last)
            assert answer.status_code in (301, 302, 404, 405, 414)

    def test_a_wrong_turn_of_a_program_is_a_problem_document(self, guest, security_log):
        answer = guest.get("/api/v2/orders/")
        assert (kind(answer), answer["Content-Type"]) == (
            (404, "not-found"),
            "application/problem+json",
        )
        assert security_log.has_one_line()

    @pytest.mark.parametrize(
        "path", ["/", "/basket/", "/admin/login/", "/api/v1/products/", "/livez"]
    )
    def test_a_nul_in_the_query_is_refused(self, guest, path, security_log):
        assert guest.get(path + "?a=%00&currency=%00").status_code == 400
        assert security_log.has_one_line()

    @pytest.mark.parametrize("path", ["/checkout/", "/admin/login/"])
    def test_ten_thousand_parameters_are_too_many_where_any_is_read(self, guest, path):
        answer = guest.get(path + "?" + "from=1&next=1&" * 5000)
        assert answer.status_code == 400

    @pytest.mark.parametrize(
        "query",
        ["currency=EUR'--", "currency[]=EUR", "currency=%ED%A0%80", "currency=", "currency=eur"],
    )
    def test_a_currency_that_is_none_is_refused(self, guest, query):
        assert guest.get(f"/api/v1/products/?{query}").status_code in (200, 400)


class TestHeaders:
    """What stands between."""

    @pytest.mark.parametrize(
        "header",
        ["Accept", "Accept-Language", "If-None-Match", "X-Request-ID", "Referer", "Cookie"],
    )
    @pytest.mark.parametrize(
        "value", ["", "*" * 8000, "\xff", ";q=x,,,", 'W/"', "../../etc/passwd"]
    )
    def test_an_odd_header_is_no_reason_to_fail(self, guest, header, value):
        for path in ("/", "/api/v1/products/", f"/api/v1/orders/{'x' * 24}/status/"):
            assert guest.get(path, headers={header: value}).status_code < 500

    @pytest.mark.parametrize(
        "offered", ["x\r\nSet-Cookie: a=b", "<script>", "x" * 65, "short", "ü" * 10]
    )
    def test_a_request_id_that_is_none_is_not_repeated(self, guest, offered):
        answer = guest.get("/livez", headers={"X-Request-ID": offered})
        assert answer["X-Request-ID"] != offered
        assert answer["X-Request-ID"].isalnum()

    @pytest.mark.parametrize("length", ["-1", "abc", "1e3", "９", "99999999999999999999"])
    def test_a_length_that_is_none_is_refused(self, guest, length):
        answer = guest.generic("POST", "/basket/add/", b"", CONTENT_LENGTH=length)
        assert answer.status_code == 400


class TestPrograms:
    """What the page of bad bodies for placing an order leaves open."""

    def order(self, **changes):
        return {"email": "a@b.de", "lines": [{"sku": "mug", "quantity": 1}]} | changes

    @pytest.mark.parametrize(
        "more",
        [
            {"total_minor": 1},
            {"price_minor": 1},
            {"discount": 100},
            {"state": "paid"},
            {"public_id": "x" * 24},
            {"number": "1"},
            {"expires_at": "2099-01-01T00:00:00Z"},
            {"delivery_minor": 0},
            {"payments": []},
            {"another": True},
            {"__proto__": {}},
        ],
    )
    def test_nothing_of_the_shops_own_is_set_from_outside(self, guest, more):
        assert send(guest, "/api/v1/orders/", self.order(**more)).status_code == 400
        assert not Order.objects.exists()

    def test_a_price_in_a_line_is_refused(self, guest):
        line = {"sku": "mug", "quantity": 1, "unit_price_minor": 1}
        assert send(guest, "/api/v1/orders/", self.order(lines=[line])).status_code == 400

    def test_goods_of_another_currency_are_refused(self, guest):
        assert send(guest, "/api/v1/orders/", self.order(currency="KWD")).status_code == 400

    def test_the_same_good_in_two_lines_is_refused(self, guest):
        lines = [{"sku": "mug", "quantity": 1}] * 2
        assert send(guest, "/api/v1/orders/", self.order(lines=lines)).status_code == 400

    def test_more_money_than_the_shop_counts_is_refused(self, guest):
        lines = [{"sku": "yacht", "quantity": 99}]
        answer = send(guest, "/api/v1/orders/", self.order(lines=lines))
        assert kind(answer) == (400, "total-too-large")

    @pytest.mark.parametrize(
        "key", ["x" * 300, "short", "", "a b" * 8, "ключ" * 5, "k" * 20 + "\n"]
    )
    def test_a_key_that_is_none_is_refused(self, guest, key):
        answer = send(guest, "/api/v1/orders/", self.order(), headers={"Idempotency-Key": key})
        assert answer.status_code == 400
