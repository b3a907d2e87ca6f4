"""No cell of the contract is empty, and the page shows the tests as they are."""

from tests.gateways import page
from tests.gateways.rows import EXCLUDED, SHOWN


def test_every_gateway_shows_every_row_or_says_why_not():
    page.load()
    assert page.missing() == []


def test_no_row_is_both_shown_and_excluded():
    page.load()
    assert SHOWN.keys() & EXCLUDED.keys() == set()


def test_the_page_is_what_the_tests_say():
    page.load()
    assert page.PAGE.read_text() == page.rendered()
