"""The books in a real browser: cases, inbox, statements, figures, and no barrier on any of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from payments import reviews
from payments.models import Notification, Reconciliation, ReviewCase
from payments.models.desk import ReviewKind
from shop.models import StaffAction
from tests.browser.clerk import Clerk, sell
from tests.shop.processes import wait_until
from tests.stack import Stack

PAGES = ("", "reviews/", "inbox/", "reconciliation/", "exports/", "runbook/")


@pytest.fixture
def hire(open_context: Callable[..., BrowserContext], live_shop: Stack) -> Callable[..., Clerk]:
    """Someone new at a screen of their own."""

    def hired(name: str, *rights: str, **window: object) -> Clerk:
        return Clerk(open_context(**window).new_page(), live_shop, name).hire(*rights)

    return hired


def open_case(reference: str) -> ReviewCase:
    reviews.open_case(
        ReviewKind.SHOPPER_SAYS_PAID,
        subject=reference,
        order_reference="",
        now=timezone.now(),
        said=4,
    )
    return ReviewCase.objects.get(subject=reference)


def sticks_out(page: Page) -> list[str]:
    """What is wider than the window and not in a box of its own that scrolls."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('#content *')]
            .filter((e) => !e.closest('.desk-scroll, pre') && e.getBoundingClientRect().right
                > document.documentElement.clientWidth + 1)
            .map((e) => e.outerHTML.slice(0, 120))"""
    )
    return found


@pytest.mark.parametrize("width", [1200, 360])
def test_no_page_has_a_barrier_or_is_cut_off(hire, live_shop, width):
    sale = sell(live_shop)
    case = open_case(sale.reference)
    day = Reconciliation.objects.create(
        gateway="sandbox", day=timezone.now().astimezone(UTC).date(), ran_at=timezone.now()
    )
    rights = ("export", "resolve_review", "replay_notification", "sign_off")
    ada = hire("ada", *rights, viewport={"width": width, "height": 800})
    for path in (*PAGES, f"reviews/{case.pk}/", f"reconciliation/{day.pk}/"):
        ada.page.goto(f"/admin/desk/{path}")
        assert sticks_out(ada.page) == [], path
        assert ada.barriers() == [], path


def test_a_case_is_claimed_by_one_and_resolved_with_a_reason(hire, live_shop):
    case = open_case(sell(live_shop).reference)
    ada, bob = hire("ada", "resolve_review"), hire("bob", "resolve_review")
    for clerk in (ada, bob):
        clerk.page.goto("/admin/")
        clerk.page.get_by_role("link", name="1 review case waits").click()
        clerk.page.get_by_role("link", name="Shopper says paid").last.click()
    ada.button("Claim").click()
    ada.reads("This case is yours.")
    bob.button("Claim").click()
    bob.reads("Somebody else took or ended this case meanwhile.")
    ada.page.get_by_label("Why this case is over").fill("The bank shows it now")
    ada.button("Resolve").click()
    ada.reads("The case is resolved.")
    case.refresh_from_db()
    assert case.resolution == "The bank shows it now"


def test_a_notification_is_replayed(hire, live_shop):
    sell(live_shop)
    assert wait_until(lambda: Notification.objects.exclude(processed_at=None).exists())
    ada = hire("ada", "replay_notification")
    ada.page.goto("/admin/desk/inbox/")
    ada.page.get_by_role("checkbox").first.check()
    ada.button("Replay the chosen ones").click()
    ada.reads("1 replayed: 1 asked.")


def test_a_sheet_comes_as_a_file_and_is_on_record(hire, live_shop):
    sale = sell(live_shop)
    ada = hire("ada", "export")
    ada.page.goto("/admin/desk/exports/")
    with ada.page.expect_download() as coming:
        ada.button("Payments as CSV").click()
    text = coming.value.path().read_text()
    assert sale.reference in text
    assert StaffAction.objects.get(action="export").subject == "payments"


def test_a_day_that_is_over_is_signed_off(hire, live_shop):
    now = timezone.now()
    day = Reconciliation.objects.create(
        gateway="sandbox", day=(now - timedelta(days=2)).astimezone(UTC).date(), ran_at=now
    )
    ada = hire("ada", "sign_off")
    ada.page.goto("/admin/desk/reconciliation/")
    ada.page.get_by_role("link", name=str(day.day)).click()
    ada.button("Sign off this day").click()
    ada.reads("The day is signed off.")
    day.refresh_from_db()
    assert day.signed_off_by is not None
