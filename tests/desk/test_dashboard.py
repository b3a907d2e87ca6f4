"""The dashboard: right figures, drawn by the server, bounded by days."""

import re
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from payments import sweeping
from payments.models.desk import ReviewKind
from shop.desk import charts, numbers, runbook
from shop.desk.runbook import as_html
from tests.desk.people import at_the_desk, person, text_of
from tests.factories import place
from tests.orders.story import paid_order, pay
from tests.statements import counted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(db: None) -> Any:
    return at_the_desk(person("ada"))


def paid_twice(bank: Any) -> None:
    """By the bank's page and by phone: one stays, one goes back."""
    order = place()
    for reference in [pay(order, method).payment.reference for method in ("redirect", "qr")]:
        bank.pay(reference)
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))


def test_started_paid_declined_stopped_and_sent_back_are_counted_apart(bank):
    paid_order(bank)
    paid_twice(bank)
    declined = pay(place(), "redirect").payment.reference
    bank.decline(declined)
    sweeping.sweep(now=timezone.now() + timedelta(seconds=60))
    found = numbers.figures(now=timezone.now())
    qr, redirect = found["ways"]["qr (sandbox)"], found["ways"]["redirect (sandbox)"]
    assert (qr.started + redirect.started, qr.paid + redirect.paid) == (4, 2)
    assert (redirect.declined, qr.surplus + redirect.surplus) == (1, 1)
    assert found["returned"] == 1
    assert found["todays"] == found["ways"]
    assert found["days"][found["today"]].percent == "50%"


def test_doubts_are_shown_by_age(bank, ada):
    bank.faults(error_before=1.0)
    pay(place())
    ages = {words: unknown for words, unknown, _ in numbers.figures(now=timezone.now())["doubts"]}
    assert ages == {"under a minute": 1} | dict.fromkeys([w for _, w in numbers.AGES[1:]], 0)
    cache.clear()
    later = timezone.now() + timedelta(hours=2)
    assert numbers.figures(now=later)["doubts"][3] == ("up to a day", 1, 0)


def test_the_page_draws_without_scripts_or_styles_and_says_every_figure(bank, ada):
    paid_order(bank)
    page = text_of(ada.get(reverse("desk:dashboard")))
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert drawn.count("<rect") >= 2 * numbers.DAYS_SHOWN
    assert 'role="img"' in drawn
    assert "style=" not in page[page.index('id="content"') :]
    assert "onload" not in page
    today = timezone.now().astimezone(UTC).date()
    assert f"<title>{today}: 1 started, 1 paid</title>" in drawn
    assert "100%" in page


def test_an_empty_shop_has_a_dashboard_too(ada):
    answer = ada.get(reverse("desk:dashboard"))
    assert answer.status_code == 200
    assert "Nothing yet." in text_of(answer)


def test_the_figures_cost_a_few_statements_and_are_kept_for_a_while(bank, ada):
    paid_order(bank)
    with counted() as cost:
        numbers.figures(now=timezone.now())
    assert cost.queries <= 8, cost
    with counted() as cost:
        numbers.figures(now=timezone.now())
    assert cost.queries == 0, cost


def test_a_bar_is_filled_as_far_as_it_was_paid():
    tally = numbers.Tally(started=4, paid=1)
    (bar,) = charts.by_name({"qr": tally}).bars
    assert (bar.told, bar.part_width / bar.width) == ("25%", 0.25)
    today = timezone.now().date()
    (bar,) = charts.by_day({today: tally}).bars
    assert bar.part_height / bar.height == 0.25
    assert bar.y + bar.height == bar.part_y + bar.part_height


# --- the runbook -----------------------------------------------------------------------------


def test_the_runbook_can_be_linked_to_and_runs_nothing():
    shown = as_html("# A <b>\n\nsay `x`\n\n```sh\nmanage.py audit\n```\n\n## wrong_amount\nwords\n")
    assert '<h2 id="a-b">A &lt;b&gt;</h2>' in shown
    assert "<p>say <code>x</code></p>" in shown
    assert "<pre><code>manage.py audit\n</code></pre>" in shown
    assert '<h2 id="wrong_amount">wrong_amount</h2>' in shown


def test_steps_links_and_bold_words_are_shown_as_such():
    told = (
        "Do this:\n1. look at\n   [cases](#cases)\n2. **then** `x [y](z)`\n\n- see [more](a.md)\n"
    )
    shown = as_html(told)
    assert '<p>Do this:</p><ol start="1"><li>look at <a href="#cases">cases</a></li>' in shown
    assert "<li><strong>then</strong> <code>x [y](z)</code></li></ol>" in shown
    assert "<ul><li>see more (docs/a.md)</li></ul>" in shown
    assert 'href="javascript' not in as_html("[x](javascript:alert)")


def test_the_whole_runbook_leaves_no_mark_of_its_writing_and_no_link_without_an_end(ada):
    page = text_of(ada.get(reverse("desk:runbook")))
    text = re.sub(r"<(code|pre)>.*?</\1>", "", page, flags=re.DOTALL)
    assert "**" not in text
    assert "](" not in text
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r"href=\"#([^\"]+)\"", page)) - ids == set()


def test_every_kind_of_case_has_its_place_in_the_runbook(ada):
    page = text_of(ada.get(reverse("desk:runbook")))
    assert {kind for kind in ReviewKind.values if f'id="{kind}"' not in page} == set()
    assert runbook.RUNBOOK.exists()
