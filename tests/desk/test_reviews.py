"""Review cases: opened by what only a person can decide, taken by one, ended with a reason."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from orders import services as orders
from payments import inbox, reviews
from payments.gateways.base import RawRequest
from payments.models import Payment, ReviewCase
from payments.models.desk import ReviewKind
from shop.desk.advice import ADVICE
from shop.models import StaffAction
from tests.desk.people import at_the_desk, person, text_of
from tests.factories import place
from tests.orders.story import paid_order, pay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def case(db: None) -> ReviewCase:
    now = timezone.now()
    known = {"expected": [100, "EUR"], "captured": [1, "EUR"]}
    reviews.open_case(
        ReviewKind.WRONG_AMOUNT, subject="REF-1", order_reference="PO-1", now=now, **known
    )
    return ReviewCase.objects.get()


@pytest.fixture
def ada(db: None) -> Any:
    return person("ada", "resolve_review")


@pytest.fixture
def bob(db: None) -> Any:
    return person("bob", "resolve_review")


def test_every_kind_says_what_it_means_and_what_to_do():
    assert set(ADVICE) == set(ReviewKind)


def test_the_list_shows_open_cases_with_age_and_nothing_else(case, ada):
    ReviewCase.objects.update(opened_at=timezone.now() - timedelta(hours=3))
    page = text_of(at_the_desk(ada).get(reverse("desk:reviews")))
    assert "Wrong amount or currency" in page
    assert "3\xa0hours" in page
    for narrowed in ("?show=resolved", "?show=mine", "?kind=dispute"):
        assert "REF-1" not in text_of(at_the_desk(ada).get(reverse("desk:reviews") + narrowed))


def test_what_waits_longest_comes_first_and_page_by_page_unless_it_is_turned_round(
    db, ada, monkeypatch
):
    monkeypatch.setattr("shop.desk.paging.ROWS_PER_PAGE", 2)
    for number in range(5):
        reviews.open_case(
            ReviewKind.DISPUTE, subject=f"D{number}", order_reference="", now=timezone.now()
        )
    client, seen, where = at_the_desk(ada), [], "?show=open"
    while where:
        page = client.get(reverse("desk:reviews") + where).context["page"]
        seen += [case.subject for case in page.rows]
        where = page.older
    assert seen == ["D0", "D1", "D2", "D3", "D4"]
    turned = client.get(reverse("desk:reviews") + "?order=newest").context["page"]
    assert [case.subject for case in turned.rows] == ["D4", "D3"]
    assert "order=newest" in turned.older


def test_a_case_says_what_is_known_and_what_to_do(case, ada):
    page = text_of(at_the_desk(ada).get(reverse("desk:review", args=[case.pk])))
    for told in ("REF-1", "PO-1", "1, EUR", "It goes back by itself", "#wrong_amount", "Claim"):
        assert told in page


def test_claimed_and_resolved_with_a_reason_both_on_record(case, ada):
    client = at_the_desk(ada)
    client.post(reverse("desk:review-claim", args=[case.pk]), {"held_by": ""})
    case.refresh_from_db()
    assert case.claimed_by == ada
    told = {"reason": " sent back,\n told the shopper "}
    answer = client.post(reverse("desk:review-resolve", args=[case.pk]), told)
    assert answer.status_code == 302
    case.refresh_from_db()
    assert (case.resolved_by, case.resolution) == (ada, "sent back, told the shopper")
    acts = StaffAction.objects.order_by("id").values_list("action", "order_reference", "reason")
    assert list(acts) == [
        ("claim_review", "PO-1", ""),
        ("resolve_review", "PO-1", "sent back, told the shopper"),
    ]


def test_of_two_who_claim_at_once_the_second_is_told(case, ada, bob):
    where = reverse("desk:review-claim", args=[case.pk])
    assert at_the_desk(ada).post(where, {"held_by": ""}).status_code == 302
    late = at_the_desk(bob).post(where, {"held_by": ""})
    assert late.status_code == 409
    assert "Take over from ada" in text_of(late)
    assert at_the_desk(bob).post(where, {"held_by": str(ada.pk)}).status_code == 302
    case.refresh_from_db()
    assert case.claimed_by == bob


def test_a_case_in_anothers_hands_is_not_resolved_past_them(case, ada, bob):
    reviews.claim(case_id=case.pk, person=ada, held_by=None, now=timezone.now())
    where = reverse("desk:review-resolve", args=[case.pk])
    assert at_the_desk(bob).post(where, {"reason": "done"}).status_code == 409
    case.refresh_from_db()
    assert case.resolved_at is None


def test_without_a_reason_nothing_is_resolved(case, ada):
    where = reverse("desk:review-resolve", args=[case.pk])
    answer = at_the_desk(ada).post(where, {"reason": " \n "})
    assert answer.status_code == 400
    assert "Say in a few words" in text_of(answer)
    assert not StaffAction.objects.exists()


def test_resolving_twice_tells_the_second_time(case, ada):
    where = reverse("desk:review-resolve", args=[case.pk])
    assert at_the_desk(ada).post(where, {"reason": "done"}).status_code == 302
    assert at_the_desk(ada).post(where, {"reason": "again"}).status_code == 409
    assert StaffAction.objects.count() == 1


def test_the_service_itself_asks_for_the_right(case):
    clerk = person("clerk")
    with pytest.raises(PermissionDenied):
        reviews.resolve(case_id=case.pk, person=clerk, reason="x", now=timezone.now())
    assert at_the_desk(clerk).get(reverse("desk:review", args=[case.pk])).status_code == 200
    where = reverse("desk:review-resolve", args=[case.pk])
    assert at_the_desk(clerk).post(where, {"reason": "x"}).status_code == 403
    case.refresh_from_db()
    assert case.resolved_at is None


def test_the_first_page_of_the_admin_counts_the_open_cases(case, ada):
    page = text_of(at_the_desk(ada).get(reverse("admin:index")))
    assert "<strong>1</strong> review case waits" in page
    reviews.resolve(case_id=case.pk, person=ada, reason="done", now=timezone.now())
    assert "No review case waits" in text_of(at_the_desk(ada).get(reverse("admin:index")))


# --- what opens a case ---------------------------------------------------------------------------


def check(order: Any, times: int) -> None:
    for _ in range(times):
        orders.check_order(public_id=order.public_id, now=timezone.now())


def test_a_shopper_who_says_paid_again_and_again_gets_a_person(bank, settings):
    order = place()
    payment = pay(order).payment
    check(order, settings.SAYS_PAID_MAX)
    assert not ReviewCase.objects.exists()
    check(order, 3)
    case = ReviewCase.objects.get()
    assert (case.kind, case.subject) == (ReviewKind.SHOPPER_SAYS_PAID, payment.reference)
    assert (case.order_reference, case.known["said"]) == (order.number, 4)


def test_a_shopper_who_did_pay_opens_no_case(bank):
    order = place()
    bank.pay(pay(order).payment.reference)
    check(order, 9)
    assert not ReviewCase.objects.exists()


def test_an_answer_that_stays_away_too_long_opens_one_case_once(bank, ada, settings):
    bank.faults(error_before=1.0)
    payment = pay(place()).payment
    assert payment.state == "unknown"
    late = timezone.now() + timedelta(seconds=settings.UNKNOWN_MAX_SECONDS)
    assert reviews.open_overdue(now=timezone.now()) == 0
    assert [reviews.open_overdue(now=late + timedelta(seconds=n)) for n in (1, 2)] == [1, 0]
    case = ReviewCase.objects.get()
    assert (case.kind, case.subject) == (ReviewKind.POLLING_EXHAUSTED, payment.reference)
    reviews.resolve(case_id=case.pk, person=ada, reason="asked the bank", now=late)
    assert reviews.open_overdue(now=late + timedelta(seconds=3)) == 0


def test_a_dispute_opens_a_case_and_moves_nothing(bank):
    order = paid_order(bank)
    payment = Payment.objects.get()
    assert bank.client.post(f"/payments/{payment.reference}/dispute").status_code == 200
    headers, body = bank.notification(payment.reference, "payment.disputed")
    (note,) = inbox.receive(
        "sandbox", RawRequest("POST", "/", "", headers, body), now=timezone.now()
    )
    inbox.process(note, now=timezone.now())
    case = ReviewCase.objects.get()
    assert (case.kind, case.subject) == (ReviewKind.DISPUTE, payment.reference)
    assert case.order_reference == order.number
    assert Payment.objects.get().state == "captured"
