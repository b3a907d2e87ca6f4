"""Refunds from the desk: previewed, once, never more than is left, by those who may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from payments.models import Refund, ReviewCase
from shop.confirmed import SESSION_KEY
from tests.desk.money import Desk
from tests.desk.people import person, text_of
from tests.payments.conftest import sweep_until
from tests.security.census import nothing_changes

TOTAL = 2490


def test_a_full_refund_is_previewed_then_sent_once(ada, payment, bank):
    page = ada.preview(payment, ada.form(payment))
    for told in ("€24.90", "€0.00", "goods damaged", "ada@example.com", payment.gateway):
        assert told in text_of(page)
    assert Refund.objects.count() == 0
    sent = ada.send(payment, page)
    refund = Refund.objects.get()
    assert sent["Location"].endswith(f"#refund-{refund.reference}")
    assert (refund.state, refund.actor, refund.amount_minor) == ("done", "ada", TOTAL)
    assert bank.net(payment.reference) == 0


def test_the_rest_is_filled_in_and_is_the_most_that_goes(ada, payment, bank):
    ada.refund(payment, how="amount", amount="10,00")
    form = text_of(ada.client.get(reverse("desk:refund", args=[payment.reference])))
    assert 'value="14.90"' in form
    more = ada.preview(payment, ada.form(payment), how="amount", amount="14.91")
    assert (more.status_code, "what is left" in text_of(more)) == (400, True)
    assert ada.refund(payment).status_code == 302
    assert bank.net(payment.reference) == 0


def test_lines_are_refunded_by_their_pieces_and_named_in_the_note(ada, paid, payment, bank):
    line = paid.lines.get()
    told = {"how": "lines", f"line-{line.pk}": "1", "delivery": "on", "note": "chipped"}
    assert ada.refund(payment, **told).status_code == 302
    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.note) == (1490, "chipped; 1 × mug; delivery")
    too_many = ada.preview(payment, ada.form(payment), how="lines", **{f"line-{line.pk}": "3"})
    assert too_many.status_code == 400


@pytest.mark.parametrize(
    "amount", ["0", "-1", "24.91", "1e9", "NaN", "Infinity", "1.001", "", "x", "٣", "1" * 20]
)
def test_an_amount_that_nobody_can_mean_is_refused(ada, payment, bank, amount):
    form = ada.form(payment)
    with nothing_changes(bank):
        answer = ada.preview(payment, form, how="amount", amount=amount)
        assert answer.status_code in (200, 400) if amount == "٣" else answer.status_code == 400
        assert Refund.objects.count() == 0


@pytest.mark.parametrize("amount_minor", [TOTAL + 1, 0, -1, "1.5", 10**13])
def test_a_preview_whose_amount_was_changed_is_refused(ada, payment, bank, amount_minor):
    page = ada.preview(payment, ada.form(payment))
    answer = ada.send(payment, page, amount_minor=amount_minor)
    assert answer.status_code == 400
    assert (Refund.objects.count(), bank.net(payment.reference)) == (0, TOTAL)


def test_a_second_press_a_replay_and_the_back_button_send_nothing_more(ada, payment, bank):
    form = ada.form(payment)
    page = ada.preview(payment, form, how="amount", amount="5.00")
    assert ada.send(payment, page).status_code == 302
    again = ada.send(payment, page)
    assert (again.status_code, "This form was sent before" in text_of(again)) == (409, True)
    back = ada.preview(payment, form, how="amount", amount="5.00")
    assert (back.status_code, "refunded since you looked" in text_of(back)) == (409, True)
    changed = ada.send(payment, page, amount_minor=600)
    assert changed.status_code == 422
    assert (Refund.objects.count(), bank.net(payment.reference)) == (1, TOTAL - 500)


@pytest.mark.parametrize("told", [{}, {"how": "amount", "amount": "5.00"}], ids=["full", "part"])
def test_of_two_staff_at_once_one_sends_and_the_other_is_shown_fresh_figures(
    ada, bob, payment, bank, told
):
    pages = [(who, who.preview(payment, who.form(payment), **told)) for who in (ada, bob)]

    def press(turn: tuple[Desk, Any]) -> Any:
        try:
            return turn[0].send(payment, turn[1])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(press, pages), key=lambda a: a.status_code)
    assert [answer.status_code for answer in answers] == [302, 409]
    assert "Nothing was sent" in text_of(answers[1])
    sent = Refund.objects.get()
    assert bank.net(payment.reference) == TOTAL - sent.amount_minor


def test_many_presses_of_one_form_are_one_refund(ada, payment, bank):
    page = ada.preview(payment, ada.form(payment), how="amount", amount="1.00")

    def press(_: int) -> int:
        try:
            return int(ada.send(payment, page).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(16)))
    assert sorted(set(answers)) in ([302, 409], [302])
    assert (answers.count(302), Refund.objects.count()) == (1, 1)
    assert bank.net(payment.reference) == TOTAL - 100


@pytest.mark.parametrize("right", [None, "approve_refund"])
def test_who_may_only_look_is_refused(payment, bank, right):
    looker = Desk(person("looker", *filter(None, [right])))
    where = reverse("desk:refund", args=[payment.reference])
    with nothing_changes(bank):
        told = {"step": "send", "amount_minor": 1, "refunded_so_far_minor": 0}
        assert looker.client.get(where).status_code == 403
        assert looker.client.post(where, told).status_code == 403
    order_page = reverse("desk:order", args=[payment.intent.order_reference])
    assert "Refund…" not in text_of(looker.client.get(order_page))


def test_a_right_taken_away_between_preview_and_press_is_gone(ada, payment, bank):
    page = ada.preview(payment, ada.form(payment))
    ada.who.user_permissions.clear()
    assert ada.send(payment, page).status_code == 403
    assert bank.net(payment.reference) == TOTAL


def test_the_password_is_asked_for_after_a_quarter_of_an_hour(payment, bank):
    desk = Desk(person("cleo", "refund_payment"), confirmed=False)
    where = reverse("desk:refund", args=[payment.reference])
    asked = desk.client.get(where)
    assert asked["Location"] == f"/admin/desk/confirm/?next={where.replace('/', '%2F')}"
    assert desk.confirm("wrong").status_code == 403
    assert desk.client.get(where).status_code == 302
    assert desk.confirm().status_code == 302
    page = desk.preview(payment, desk.form(payment))
    session = desk.client.session
    session[SESSION_KEY] = (timezone.now() - timedelta(minutes=15)).timestamp()
    session.save()
    assert desk.send(payment, page)["Location"].startswith("/admin/desk/confirm/")
    assert bank.net(payment.reference) == TOTAL


def test_the_api_demands_the_password_of_a_session_too(payment, bank):
    desk = Desk(person("cleo", "refund_payment"), confirmed=False)
    told = {"amount_minor": 100, "refunded_so_far_minor": 0, "reason": "broken"}

    def send() -> Any:
        return desk.client.post(
            f"/api/v1/payments/{payment.reference}/refunds/",
            told,
            content_type="application/json",
            headers={"Idempotency-Key": "the-same-key-both-times"},
        )

    with nothing_changes(bank):
        refused = send()
    assert (refused.status_code, "confirm-password" in refused.json()["type"]) == (403, True)
    desk.confirm()
    assert send().status_code == 201


def test_guesses_of_the_password_are_limited_and_lead_nowhere_else(payment):
    desk = Desk(person("mal", "refund_payment"), confirmed=False)
    assert {desk.confirm("wrong").status_code for _ in range(5)} == {403}
    assert desk.confirm("x").status_code == 429
    other = Desk(person("mia", "refund_payment"), confirmed=False)
    for evil in ("https://evil.example/", "//evil.example", "/admin/desk/../../evil", "/\\evil"):
        told = {"password": "x", "next": evil}
        where = other.client.post(reverse("desk:confirm"), told)["Location"]
        assert where.startswith("/admin/desk/")


def test_a_failed_refund_is_a_case_and_is_tried_again_once_under_a_new_reference(
    ada, payment, bank
):
    bank.faults(refund_fail=1.0)
    ada.refund(payment, how="amount", amount="5.00")
    sweep_until(lambda: Refund.objects.get().state == "failed")
    bank.faults()
    failed = Refund.objects.get()
    assert ReviewCase.objects.get().kind == "refund_failed"
    form = ada.form(payment, f"?retry={failed.reference}")
    page = ada.preview(payment, form, how="amount", amount="5.00")
    assert ada.send(payment, page).status_code == 302
    case = ReviewCase.objects.get()
    again = Refund.objects.exclude(pk=failed.pk).get()
    assert (case.resolved_by, case.resolution) == (ada.who, f"tried again as {again.reference}")
    assert bank.net(payment.reference) == TOTAL - 500
    twice = ada.preview(payment, ada.form(payment) | {"retry": failed.reference})
    assert ada.send(payment, twice).status_code == 409


def test_a_payment_without_money_offers_no_refund(ada, debt_free_order, bank):
    payment = debt_free_order
    page = text_of(ada.client.get(reverse("desk:refund", args=[payment.reference])))
    assert "nothing left on this payment" in page
    told = {"step": "send", "amount_minor": 1, "refunded_so_far_minor": 0, "reason": "goodwill"}
    where = reverse("desk:refund", args=[payment.reference])
    assert ada.client.post(where, told | {"key": "k" * 20}).status_code == 400
    assert bank.ledger() == []


@pytest.mark.parametrize("change", [{"state": "failed"}, {"_save": "1", "amount_minor": "1"}])
def test_a_superuser_finds_no_shortcut_around_the_services(payment, ada, bank, change):
    from django.contrib.auth import get_user_model

    ada.refund(payment, how="amount", amount="5.00")
    refund = Refund.objects.get()
    chief = Desk(get_user_model().objects.create_superuser("chief", password="x"))
    with nothing_changes(bank):
        for model, row in (("payment", payment), ("refund", refund)):
            where = reverse(f"admin:payments_{model}_change", args=[row.pk])
            assert chief.client.post(where, change).status_code == 403
            delete = reverse(f"admin:payments_{model}_delete", args=[row.pk])
            assert chief.client.post(delete, {"post": "yes"}).status_code == 403
            listed = reverse(f"admin:payments_{model}_changelist")
            action = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
            assert chief.client.post(listed, action).status_code in (200, 302, 403)
