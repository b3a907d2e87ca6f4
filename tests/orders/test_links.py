"""A lost link: it goes by mail to the order's address, and whoever asks learns nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail as sent
from django.test import Client
from django.utils import timezone

from orders.models import Mail
from orders.models.order import new_number, read_number
from orders.services import Shopper
from shop import courtesy, outbox
from shop.models import OutboxMessage
from tests.factories import ProductFactory, place
from tests.orders.letterbox import deliver, inbox, newest
from tests.statements import counted

pytestmark = pytest.mark.django_db(transaction=True)

ASK = "/send-link/"


def ask(number: str, email: str = "ada@example.com", **more: Any):
    return Client().post(ASK, {"number": number, "email": email}, **more)


def wishes() -> int:
    return OutboxMessage.objects.filter(topic="LinkWanted").count()


@pytest.fixture(autouse=True)
def half_past():
    """No test crosses the border of an hour."""
    with time_machine.travel(timezone.now().replace(minute=30)):
        yield


@pytest.fixture
def order():
    order = place((ProductFactory(title="Tea pot"), 1))
    deliver()
    sent.outbox.clear()
    return order


def test_the_link_goes_to_the_orders_own_address(order):
    answer = ask(order.number)
    assert (answer.status_code, answer["Location"]) == (302, f"{ASK}?asked=1")
    assert order.public_id not in Client().get(answer["Location"]).content.decode()
    assert deliver() == 1
    assert f"/orders/{order.public_id}/" in newest("The link to your order")
    assert [m["To"] for m in inbox()] == ["ada@example.com"]


@pytest.mark.parametrize("email", ["ADA@Example.com", "ada@example.com "])
def test_an_address_is_the_same_however_it_is_written(order, email):
    ask(order.number, email)
    assert deliver() == 1


@pytest.mark.parametrize("form", ["{}", "{} ", "{l}", "po {a} {b}", "{a}{b}"])
def test_a_number_is_the_same_however_it_is_typed(order, form):
    _, a, b = order.number.split("-")
    ask(form.format(order.number, l=order.number.lower(), a=a, b=b))
    assert deliver() == 1


def test_letters_that_no_number_has_are_read_as_the_figures_they_look_like():
    assert read_number("PO-OIL00-00000") == "PO-01100-00000"
    number = new_number()
    assert read_number(number) == number


@pytest.mark.parametrize("junk", ["", "PO-12345", "PO-12345-6789U", "PO-12345-6789٣", "' OR 1=1"])
def test_what_is_no_number_is_refused_in_words_and_asks_nothing(junk):
    answer = ask(junk)
    assert answer.status_code == 400
    assert "There is a problem" in answer.content.decode()
    assert wishes() == 0


def test_another_address_gets_nothing_and_the_same_answer(order):
    right = ask(order.number)
    wrong = ask(order.number, "eve@example.com")
    absent = ask(new_number())
    assert {(a.status_code, a["Location"], a.content) for a in (right, wrong, absent)} == {
        (302, f"{ASK}?asked=1", b"")
    }
    assert deliver() == 1
    assert [m["To"] for m in inbox()] == ["ada@example.com"]


def test_whether_an_order_exists_costs_the_same_statements(order):
    with counted() as known:
        ask(order.number)
    with counted() as absent:
        ask(new_number(), "eve@example.com")
    for cost in (known, absent):
        assert [s.split()[0] for s in cost.statements] == ["BEGIN", "INSERT", "COMMIT"]
        assert "orders_order" not in str(cost)


def test_one_mail_an_hour_however_often_and_by_whomever_it_is_asked_for(order):
    for n in range(4):
        ask(order.number, "Ada@example.com" if n % 2 else "ada@example.com")
        ask(order.number, "eve@example.com", REMOTE_ADDR=f"203.0.113.{n}")
        deliver()
    assert len(sent.outbox) == 1
    assert wishes() == 2
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        ask(order.number, REMOTE_ADDR="203.0.113.99")
        assert deliver() == 1
    first, second = Mail.objects.filter(kind="link")
    assert first.message_id != second.message_id


def test_it_speaks_the_language_of_the_order_and_not_of_who_asks():
    order = place(
        (ProductFactory(title_de="Teekanne"), 1), shopper=Shopper("ada@example.com", "de", {})
    )
    deliver()
    Client(headers={"Accept-Language": "en"}).post(
        ASK, {"number": order.number, "email": "ada@example.com"}
    )
    deliver()
    assert "Der Link zu Ihrer Bestellung" in str(sent.outbox[-1].subject)


def test_a_wish_that_is_delivered_twice_is_one_mail(order):
    ask(order.number)
    deliver()
    OutboxMessage.objects.filter(topic="LinkWanted").update(
        done_at=None, next_try_at=timezone.now()
    )
    outbox.relay(now=timezone.now())
    assert Mail.objects.filter(kind="link").count() == 1


def test_no_address_that_a_stranger_typed_is_kept(order):
    ask(order.number, "canary.of.eve@example.com")
    kept = str(list(OutboxMessage.objects.values()))
    assert "canary" not in kept
    assert order.public_id not in kept


def test_one_address_may_ask_a_few_times_a_minute(order, settings):
    settings.LINKS_PER_MINUTE = 3
    codes = [ask(new_number()).status_code for _ in range(5)]
    assert codes == [302] * 3 + [429] * 2
    refused = ask(order.number, headers={"X-Forwarded-For": "198.51.100.7"})
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert wishes() == 3
    assert ask(order.number, REMOTE_ADDR="203.0.113.9").status_code == 302


def test_without_redis_the_mails_own_limit_holds(order, monkeypatch):
    monkeypatch.setattr(courtesy.pause, "until", float("inf"))
    assert {ask(order.number).status_code for _ in range(12)} == {302}
    deliver()
    assert (wishes(), len(sent.outbox)) == (1, 1)


def test_a_form_of_another_site_asks_nothing(order):
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(ASK, {"number": order.number, "email": "ada@example.com"})
    assert (answer.status_code, wishes()) == (403, 0)


def test_the_page_is_kept_nowhere_and_a_lost_page_leads_to_it():
    assert "no-store" in Client().get(ASK)["Cache-Control"]
    lost = Client().get(f"/orders/{'x' * 24}/")
    assert lost.status_code == 404
    assert ASK in lost.content.decode()
