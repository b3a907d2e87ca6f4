"""Staff who can send money back give a second factor; others, and the demo, need none."""

import re
import time
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from shop import courtesy
from tests.factories import new_key
from tests.security.conftest import chief, quick_passwords, signed_in, staff  # noqa: F401

pytestmark = pytest.mark.django_db
PAGE = "/admin/second-factor/"


@pytest.fixture(autouse=True)
def required(settings):
    settings.REQUIRE_TWO_FACTOR = True


@pytest.fixture
def refunder():
    return staff("rosa", "payments.view_payment", "payments.refund_payment")


def code_of(device: TOTPDevice, steps_on: int = 0) -> str:
    clock = TOTP(device.bin_key)
    clock.time = time.time() + 30 * steps_on
    return f"{clock.token():06}"


def enrolled(person) -> tuple[Client, TOTPDevice]:
    """A browser whose session gave the second factor, and the device."""
    client = signed_in(person)
    client.get(PAGE)
    device = TOTPDevice.objects.get(user=person)
    assert client.post(PAGE, {"code": code_of(device)}).status_code == 200
    device.refresh_from_db()
    return client, device


def test_who_can_refund_is_led_to_the_second_factor_from_every_page(refunder):
    client = signed_in(refunder)
    for page in ("/admin/", "/admin/payments/payment/", "/admin/desk/search/"):
        answer = client.get(page)
        assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}?next={page}")


def test_the_way_out_stays_open(refunder):
    assert signed_in(refunder).post("/admin/logout/").status_code == 200


def test_who_cannot_send_money_back_needs_a_password_only():
    assert signed_in(staff("clerk", "payments.view_payment")).get("/admin/").status_code == 200


def test_without_the_setting_nobody_is_asked(refunder, settings):
    settings.REQUIRE_TWO_FACTOR = False
    assert signed_in(refunder).get("/admin/").status_code == 200


def test_a_first_device_shows_its_picture_and_counts_after_its_first_code(refunder):
    client = signed_in(refunder)
    page = client.get(PAGE).content.decode()
    assert "<svg" in page
    assert not TOTPDevice.objects.get().confirmed
    wrong = client.post(PAGE, {"code": "000000"})
    assert (wrong.status_code, TOTPDevice.objects.get().confirmed) == (403, False)
    assert client.get("/admin/").status_code == 302


def test_the_right_code_opens_the_admin_and_shows_ten_spare_codes_once(refunder):
    client, device = enrolled(refunder)
    assert device.confirmed
    assert StaticToken.objects.count() == 10
    assert client.get("/admin/").status_code == 200
    assert not re.search("[0-9a-f]{10}</code>", client.get(PAGE).content.decode())


def test_the_next_session_needs_a_new_code_and_takes_none_twice(refunder):
    _, device = enrolled(refunder)
    again = signed_in(refunder)
    assert again.post(PAGE, {"code": code_of(device)}).status_code == 403
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    answer = again.post(PAGE, {"code": code_of(device, 1), "next": "/admin/payments/payment/"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/payments/payment/")
    assert again.get("/admin/").status_code == 200


def test_a_spare_code_opens_once(refunder):
    enrolled(refunder)
    code = StaticToken.objects.first().token
    assert signed_in(refunder).post(PAGE, {"code": code}).status_code == 302
    assert signed_in(refunder).post(PAGE, {"code": code}).status_code == 403


def test_codes_are_not_guessed_fast(refunder):
    enrolled(refunder)
    client = signed_in(refunder)
    codes = [client.post(PAGE, {"code": "000000"}).status_code for _ in range(6)]
    assert codes == [403] * 5 + [429]


def test_without_redis_codes_are_counted_and_a_right_one_forgets_the_guesses(refunder, monkeypatch):
    _, device = enrolled(refunder)
    monkeypatch.setattr(courtesy.pause, "until", float("inf"))
    client = signed_in(refunder)
    assert [client.post(PAGE, {"code": "000000"}).status_code for _ in range(4)] == [403] * 4
    # django-otp itself makes who was wrong wait; that is not what is looked at here.
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert client.post(PAGE, {"code": code_of(device, steps_on=1)}).status_code == 302
    codes = [signed_in(refunder).post(PAGE, {"code": "000000"}).status_code for _ in range(6)]
    assert codes == [403] * 5 + [429]


def test_the_staff_api_by_session_is_closed_until_then_and_by_token_is_open(refunder):
    path = "/api/v1/payments/01J00000000000000000000000/refresh/"

    def refresh(client: Client) -> int:
        key = {"Idempotency-Key": new_key()}
        answer = client.post(path, "{}", content_type="application/json", headers=key)
        return answer.status_code

    assert refresh(signed_in(refunder)) == 403
    client, _ = enrolled(refunder)
    assert refresh(client) == 404


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example/", "/orders/"])
def test_it_leads_to_no_other_site(refunder, evil):
    client, _ = enrolled(refunder)
    page = client.get(f"{PAGE}?{urlencode({'next': evil})}").content.decode()
    assert re.findall('name="next" value="(.*?)"', page) == ["/admin/"]


def test_a_guest_is_sent_to_sign_in(client):
    answer = client.get(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={PAGE}")


def test_a_superuser_can_refund_and_is_asked_too(chief):  # noqa: F811
    assert signed_in(chief).get("/admin/")["Location"].startswith(PAGE)


def test_a_lost_phone_is_forgotten_by_an_operator(refunder):
    client, _ = enrolled(refunder)
    call_command("two_factor_reset", "rosa", "--dry-run")
    assert TOTPDevice.objects.count() == 1
    call_command("two_factor_reset", "rosa")
    assert TOTPDevice.objects.count() == 0
    assert client.get("/admin/").status_code == 302  # the open session counts no more
    with pytest.raises(CommandError, match="'nobody'"):
        call_command("two_factor_reset", "nobody")


def test_no_admin_page_shows_the_keys_of_devices(chief, settings):  # noqa: F811
    settings.REQUIRE_TWO_FACTOR = False
    assert signed_in(chief).get("/admin/otp_totp/totpdevice/").status_code == 404


def test_the_admin_says_when_it_runs_on_the_demos_servers(chief, settings):  # noqa: F811
    settings.REQUIRE_TWO_FACTOR = False
    settings.DATABASE_URL = settings.REDIS_URL = "redis://real.example/0"
    assert b"demo-servers" not in signed_in(chief).get("/admin/").content
    settings.REDIS_URL = "unix:///run/payonce-0a1b2c3d4e5f/valkey.sock?db=0"
    assert b"demo-servers" in signed_in(chief).get(reverse("admin:index")).content
