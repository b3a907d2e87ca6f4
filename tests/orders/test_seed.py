"""The demo's shop window: a dozen goods, one of them alone, and a person to look after it."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from rest_framework.authtoken.models import Token

from orders.models import DeliveryOption, Price, Product

pytestmark = pytest.mark.django_db(transaction=True)

STATIC = Path(__file__).resolve().parents[2] / "static"


def seed() -> dict[str, str]:
    out = StringIO()
    call_command("seed", "--json", stdout=out)
    login: dict[str, str] = json.loads(out.getvalue())
    return login


def test_a_dozen_goods_with_pictures_and_one_single_piece():
    seed()
    goods = Product.objects.all()
    assert len(goods) >= 12
    assert [good.sku for good in goods if not (STATIC / good.picture).is_file()] == []
    assert sum(good.stock_free == 1 for good in goods) == 1
    assert all(good.title_de and good.description and good.description_de for good in goods)


def test_prices_in_every_currency_that_the_shop_sells_in(settings):
    seed()
    currencies = set(Price.objects.values_list("currency", flat=True))
    assert currencies == set(settings.CURRENCIES)
    for option in DeliveryOption.objects.all():
        offered = set(option.prices.values_list("currency", flat=True))
        assert offered == set(settings.CURRENCIES)


def test_a_second_run_changes_neither_stock_nor_password(monkeypatch):
    monkeypatch.delenv("STAFF_PASSWORD", raising=False)
    first = seed()
    Product.objects.filter(sku="mug-blue").update(stock_free=490, stock_reserved=10)
    seed()
    mug = Product.objects.get(sku="mug-blue")
    assert (mug.stock_free, mug.stock_reserved) == (490, 10)
    assert authenticate(username=first["username"], password=first["password"]) is not None
    assert Product.objects.count() == len(Product.objects.values("sku").distinct())


def test_the_staff_user_may_look_and_refund_but_is_no_superuser():
    login = seed()
    user = Token.objects.get(key=login["token"]).user
    assert user.is_staff
    assert not user.is_superuser
    assert user.has_perm("payments.refund_payment")
    assert user.has_perm("orders.view_order")
    assert not user.has_perm("orders.change_order")
