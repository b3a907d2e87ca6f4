"""What a refund is made of, why, who is told, and the amount typed once more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from orders.models import CreditNote, Mail, Order
from payments.models import Refund
from shop import outbox
from tests.desk.money import Desk, hidden
from tests.desk.people import text_of
from tests.payments.conftest import sweep_until
from tests.security.census import nothing_changes

TOTAL = 2490


def by_lines(paid: Order, pieces: int, *, delivery: bool = False) -> dict[str, Any]:
    told: dict[str, Any] = {"how": "lines", f"line-{paid.lines.get().pk}": str(pieces)}
    return told | ({"delivery": "on"} if delivery else {})


def test_a_piece_and_the_delivery_go_back_once_each(ada, paid, payment, bank):
    assert ada.refund(payment, **by_lines(paid, 1, delivery=True)).status_code == 302
    assert Refund.objects.get().parts == {"lines": {"mug": 1}, "delivery": True}
    page = text_of(ada.client.get(reverse("desk:refund", args=[payment.reference])))
    assert "1 of 2" in page  # sent back before
    assert 'name="delivery"' not in page
    with nothing_changes(bank):
        two = ada.preview(payment, ada.form(payment), **by_lines(paid, 2))
        again = ada.preview(payment, ada.form(payment), **by_lines(paid, 0, delivery=True))
    assert (two.status_code, "are left to send back" in text_of(two)) == (400, True)
    assert (again.status_code, "delivery was sent back before" in text_of(again)) == (400, True)
    assert ada.refund(payment, **by_lines(paid, 1)).status_code == 302
    assert bank.net(payment.reference) == 0


@pytest.mark.parametrize(
    "parts",
    ['{"lines": {"mug": 2}}', '{"lines": {"cup": 1}}', '{"lines": {"mug": -1}}', "[1]", "{", "7",
     '{"lines": {"mug": true}}', '{"lines": {"mug": 1}, "delivery": true}'],
)  # fmt: skip
def test_a_preview_whose_pieces_were_changed_is_refused(ada, paid, payment, bank, parts):
    page = ada.preview(payment, ada.form(payment), **by_lines(paid, 1))
    with nothing_changes(bank):
        assert ada.send(payment, page, parts=parts).status_code == 400


def test_a_form_of_lines_sent_twice_is_one_refund(ada, paid, payment, bank):
    page = ada.preview(payment, ada.form(payment), **by_lines(paid, 2))
    assert ada.send(payment, page).status_code == 302
    again = ada.send(payment, page)
    assert (again.status_code, "This form was sent before" in text_of(again)) == (409, True)


def test_pieces_of_a_failed_refund_are_left_and_are_tried_again(ada, paid, payment, bank):
    bank.faults(refund_fail=1.0)
    ada.refund(payment, **by_lines(paid, 1, delivery=True))
    sweep_until(lambda: Refund.objects.get().state == "failed")
    bank.faults()
    failed = Refund.objects.get()
    where = reverse("desk:refund", args=[payment.reference]) + f"?retry={failed.reference}"
    form = ada.client.get(where).context["form"]
    line = paid.lines.get()
    assert (form["how"].value(), form[f"line-{line.pk}"].value()) == ("lines", 1)
    told = by_lines(paid, 1, delivery=True) | {"note": form["note"].value()}
    page = ada.preview(payment, ada.form(payment, f"?retry={failed.reference}"), **told)
    assert ada.send(payment, page).status_code == 302
    again = Refund.objects.latest("pk")
    assert (again.parts, again.note, again.state) == (failed.parts, failed.note, "done")


# --- why --------------------------------------------------------------------------------------


def test_no_reason_is_chosen_beforehand_and_one_is_demanded(ada, payment, bank):
    page = ada.client.get(reverse("desk:refund", args=[payment.reference]))
    assert 'value="goods returned" selected' not in " ".join(text_of(page).split())
    with nothing_changes(bank):
        answer = ada.preview(payment, ada.form(payment), reason="")
    assert (answer.status_code, "Choose a reason" in text_of(answer)) == (400, True)


def test_a_reason_that_is_not_of_the_list_becomes_a_note_and_no_other_reason(ada, payment, bank):
    bank.faults(refund_fail=1.0)
    ada.refund(payment, how="amount", amount="5.00")
    sweep_until(lambda: Refund.objects.get().state == "failed")
    Refund.objects.update(reason="by telephone")
    failed = Refund.objects.get()
    where = reverse("desk:refund", args=[payment.reference]) + f"?retry={failed.reference}"
    form = ada.client.get(where).context["form"]
    assert (form["reason"].value(), form["note"].value()) == ("", "by telephone")


# --- who is told ------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False])
def test_the_shopper_is_written_to_if_it_is_wished_and_the_credit_note_is_issued_anyway(
    ada, paid, payment, bank, told
):
    outbox.relay(now=timezone.now())
    choice = {} if told else {"tell_shopper": None}
    page = ada.preview(payment, ada.form(payment), how="amount", amount="5.00", **choice)
    subject = f"Sent back: €5.00 for order {paid.number}"
    assert (subject in text_of(page), "is not written to" in text_of(page)) == (told, not told)
    ada.send(payment, page)
    outbox.relay(now=timezone.now() + timedelta(seconds=60))
    assert Mail.objects.filter(kind="refunded").exists() is told
    assert CreditNote.objects.count() == 1


def test_the_letter_is_shown_in_the_orders_language(ada, paid, payment):
    Order.objects.update(locale="de")
    page = ada.preview(payment, ada.form(payment), how="amount", amount="5.00")
    assert "5,00" in text_of(page)
    assert 'lang="de"' in text_of(page)


# --- above the limit --------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", "24.91", "2490", "x"])
def test_above_the_limit_the_amount_is_typed_once_more(ada, payment, bank, settings, typed):
    settings.REFUND_APPROVAL_LIMIT_MINOR = {"EUR": 1000}
    page = ada.preview(payment, ada.form(payment))
    with nothing_changes(bank):
        answer = ada.send(payment, page, typed=typed)
    assert (answer.status_code, "that you typed is not" in text_of(answer)) == (400, True)
    assert hidden(answer) == hidden(page)
    assert ada.send(payment, answer, typed="24,90").status_code == 302
    assert Refund.objects.get().state == "requested"


def test_below_the_limit_nothing_is_typed(ada: Desk, payment, bank):
    assert 'name="typed"' not in text_of(ada.preview(payment, ada.form(payment)))
