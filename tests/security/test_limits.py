"""What may be done how often, and what never counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone

from payments import services as payments
from shop import courtesy
from tests.factories import new_key
from tests.security.census import nothing_changes
from tests.security.conftest import signed_in, staff
from tests.security.hand import same_page, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def redis_is_away(monkeypatch):
    monkeypatch.setattr(courtesy.pause, "until", float("inf"))


class TestNewPayments:
    """Ten new ones for one order in a minute; looking and repeating is free."""

    def decline(self, bank, reference):
        bank.decline(reference)
        payments.refresh_payment(reference=reference, now=timezone.now())
        cache.clear()  # a test's transaction never commits, so nobody told the cache

    def open_ten(self, guest, bank, path):
        for _ in range(10):
            key = new_key()
            made = send(guest, path, {"method": "qr"}, key=key)
            assert made.status_code == 201
            same = [send(guest, path, {"method": "qr"}).status_code for _ in range(3)]
            assert same == [200] * 3
            assert send(guest, path, {"method": "qr"}, key=key).status_code == 201
            assert send(guest, path, {"method": "card"}, key=key).status_code == 422
            self.decline(bank, made.json()["reference"])

    def test_the_eleventh_in_a_minute_is_refused_and_opens_nothing(
        self, guest, order, bank, security_log
    ):
        path = f"/api/v1/orders/{order.public_id}/payments/"
        self.open_ten(guest, bank, path)
        security_log.lines.clear()
        with nothing_changes(bank):
            answer = send(guest, path, {"method": "qr"})
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= 60
        assert security_log.has_one_line(order.public_id)
        with time_machine.travel(timezone.now() + timedelta(seconds=61)):
            assert send(guest, path, {"method": "qr"}).status_code == 201

    def test_a_page_says_it_in_words(self, guest, order, bank):
        self.open_ten(guest, bank, f"/api/v1/orders/{order.public_id}/payments/")
        with nothing_changes(bank):
            told = {"method": "qr", "key": "k" * 20}
            answer = guest.post(f"/orders/{order.public_id}/pay/", told)
        assert answer.status_code == 429
        assert "Retry-After" in answer


class TestLookUps:
    """Only wrong guesses count, for pages and programs together."""

    @pytest.mark.parametrize("spoofed", [{}, {"X-Forwarded-For": "198.51.100.{n}"}])
    def test_the_twenty_first_wrong_guess_in_a_minute_is_refused(
        self, guest, order, settings, spoofed
    ):
        settings.LOOKUP_MISSES_PER_MINUTE = 20
        paths = [
            "/orders/{}/",
            "/api/v1/orders/{}/",
            "/api/v1/orders/{}/status/",
            "/orders/{}/invoice.pdf",
        ]
        paths += ["/checkout/?from={}"]
        codes = []
        for n in range(25):
            headers = {name: value.format(n=n) for name, value in spoofed.items()}
            path = paths[n % len(paths)].format(f"{n:024}")
            codes.append(guest.get(path, headers=headers).status_code)
        assert codes == [404] * 20 + [429] * 5
        assert guest.get(f"/orders/{order.public_id}/").status_code == 200
        assert guest.get(f"/orders/{'x' * 24}/", REMOTE_ADDR="203.0.113.9").status_code == 404

    def test_orders_that_are_there_never_count(self, guest, order, settings):
        settings.LOOKUP_MISSES_PER_MINUTE = 5
        path = f"/api/v1/orders/{order.public_id}/status/"
        etag = guest.get(path)["ETag"]
        for _ in range(20):
            assert guest.get(path, headers={"If-None-Match": etag}).status_code == 304
            assert guest.get(f"/orders/{order.public_id}/").status_code == 200
        assert guest.get(f"/orders/{'x' * 24}/").status_code == 404

    def test_without_redis_nobody_is_shut_out_of_their_order(self, guest, order, redis_is_away):
        for _ in range(25):
            assert guest.get(f"/orders/{'x' * 24}/").status_code == 404
        assert guest.get(f"/orders/{order.public_id}/").status_code == 200


class TestSignIn:
    """Passwords are not guessed fast, and nobody learns who has an account."""

    SECRET = "correct-horse-battery"

    def knock(self, client, name="clerk", password="wrong-password", **more):
        return client.post("/admin/login/", {"username": name, "password": password}, **more)

    def test_the_sixth_try_in_a_minute_is_refused_even_with_the_right_password(
        self, guest, security_log
    ):
        staff("clerk")
        codes = [self.knock(guest).status_code for _ in range(6)]
        assert codes == [200] * 5 + [429]
        assert self.knock(guest, password=self.SECRET).status_code == 429
        spoofed = {"X-Forwarded-For": "198.51.100.7"}
        assert self.knock(guest, password=self.SECRET, headers=spoofed).status_code == 429
        assert len(security_log.lines) == 8
        assert not any("clerk" in line or "password" in line for line in security_log.lines)
        elsewhere = self.knock(guest, password=self.SECRET, REMOTE_ADDR="203.0.113.9")
        assert elsewhere.status_code == 302

    def test_a_person_who_remembers_starts_anew(self, guest):
        staff("clerk")
        for _ in range(4):
            self.knock(guest)
        assert self.knock(guest, password=self.SECRET).status_code == 302
        guest.logout()
        assert [self.knock(guest).status_code for _ in range(5)] == [200] * 5

    def test_many_addresses_cannot_guess_at_one_account_for_ever(self, guest):
        staff("clerk")
        codes = [
            self.knock(guest, name="CLERK", REMOTE_ADDR=f"198.51.100.{n}").status_code
            for n in range(52)
        ]
        assert codes == [200] * 50 + [429] * 2

    def test_a_strange_name_and_a_wrong_password_look_the_same(self, guest):
        staff("clerk")
        known, unknown = self.knock(guest, "clerk"), self.knock(guest, "nobody")
        assert same_page(known).replace(b"clerk", b"") == same_page(unknown).replace(b"nobody", b"")

    def test_without_redis_the_database_counts(self, guest, redis_is_away):
        person = staff("clerk")
        assert [self.knock(guest).status_code for _ in range(6)] == [200] * 5 + [429]
        answer = self.knock(guest, password=self.SECRET)
        assert (answer.status_code, "Retry-After" in answer) == (429, True)
        elsewhere = self.knock(guest, password=self.SECRET, REMOTE_ADDR="203.0.113.9")
        assert elsewhere.status_code == 302
        assert signed_in(person).get("/admin/").status_code == 200
