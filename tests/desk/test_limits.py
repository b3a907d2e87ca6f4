"""The sums above which a second person is needed, as operators write them."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from shop.environment import Environment

NAME = "REFUND_APPROVAL_LIMIT_MINOR"


def limits(monkeypatch, told: str) -> dict[str, int]:
    monkeypatch.setenv(NAME, told)
    return Environment().amounts(NAME, default=5, currencies=("EUR", "JPY"))


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("", {"EUR": 5, "JPY": 5}),
        ("700", {"EUR": 700, "JPY": 700}),
        ("700,JPY=90", {"EUR": 700, "JPY": 90}),
        ("EUR=0, USD=30", {"EUR": 0, "JPY": 5, "USD": 30}),
    ],
)
def test_one_sum_for_every_currency_and_exceptions(monkeypatch, told, meant):
    assert limits(monkeypatch, told) == meant


@pytest.mark.parametrize("told", ["much", "-1", "EUR=1.5", "XXY=3", "EUR=", "=5", "EUR:5"])
def test_what_nobody_can_mean_stops_the_start(monkeypatch, told):
    with pytest.raises(ImproperlyConfigured):
        limits(monkeypatch, told)
