"""The admin's pages in the hands of somebody who has stolen the keys: looking is all there is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.utils import timezone

from payments.models import Notification, Payment
from shop import outbox
from tests.orders.story import pay
from tests.security.census import nothing_changes
from tests.security.conftest import signed_in, staff
from tests.security.rights import MODELS

pytestmark = pytest.mark.django_db

FROZEN = [name for name, model in MODELS.items() if not (model.chief_adds or model.chief_deletes)]
LISTS = list(MODELS)


@pytest.fixture
def root(chief):
    return signed_in(chief)


@pytest.fixture
def newest(paid, bank):
    """The key of the newest row of a model, `1` where there is none."""
    outbox.relay(now=timezone.now())

    def newest_of(name: str) -> str:
        app, model = name.split("/")
        row = apps.get_model(app, model)._default_manager.order_by("-pk").first()
        return str(row.pk if row else 1)

    return newest_of


@pytest.mark.parametrize("name", FROZEN)
def test_a_superuser_adds_changes_and_deletes_nothing(root, newest, bank, name):
    row = newest(name)
    told = {"state": "paid", "amount_minor": "1", "total_minor": "1", "refunded_minor": "0"}
    told |= {"_save": "Save", "post": "yes", "resolution": "x", "public_id": "x", "body": "x"}
    actions = {"action": "delete_selected", "_selected_action": row, "post": "yes", "index": "0"}
    edits = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": row, "_save": "Save"}
    with nothing_changes(bank):
        assert root.post(f"/admin/{name}/add/", told).status_code == 403
        assert root.post(f"/admin/{name}/{row}/change/", told).status_code == 403
        assert root.post(f"/admin/{name}/{row}/change/?_saveasnew=1", told).status_code == 403
        assert root.post(f"/admin/{name}/{row}/delete/", told).status_code == 403
        assert root.post(f"/admin/{name}/", actions).status_code in (200, 302, 403)
        assert root.post(f"/admin/{name}/", edits | told).status_code in (200, 302, 403)
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("name", FROZEN)
def test_no_list_and_no_page_of_it_offers_a_change(root, newest, name):
    listed = root.get(f"/admin/{name}/").content.decode()
    shown = root.get(f"/admin/{name}/{newest(name)}/change/").content.decode()
    for page in (listed, shown):
        assert 'name="_save"' not in page
        assert 'name="action"' not in page
        assert f"/admin/{name}/add/" not in page
        assert "deletelink" not in page


def test_every_model_that_has_money_in_it_is_for_looking_only():
    for model, page in admin.site._registry.items():
        if model._meta.app_label in ("orders", "payments", "shop"):
            name = f"{model._meta.app_label}/{model._meta.model_name}"
            assert name in MODELS, name
            if name not in ("orders/product", "orders/deliveryoption", "shop/user"):
                assert name in FROZEN
                assert page.actions is None


def test_stock_is_not_typed_in(root, newest, paid):
    line = paid.lines.get()
    product = line.product
    told = {"sku": product.sku, "title": "New", "stock_free": "999", "stock_sold": "0"}
    before = (product.stock_initial, product.stock_free, product.stock_reserved, product.stock_sold)
    root.post(f"/admin/orders/product/{product.pk}/change/", told)
    product.refresh_from_db()
    after = (product.stock_initial, product.stock_free, product.stock_reserved, product.stock_sold)
    assert after == before


INJECTIONS = [
    "' OR 1=1 --",
    '" UNION SELECT 1 --',
    "1); DROP TABLE shop_user; --",
    "$$", "\\", "%", "{{7*7}}", "<script>alert(1)</script>", "%ED%A0%80", "%FF", "x" * 5000,
    "(((((", ".*", "[", "9" * 400, "%00",
]  # fmt: skip
QUERIES = (
    "q={}",
    "o={}",
    "p={}",
    "all={}",
    "e={}",
    "_to_field={}",
    "_popup={}&_changelist_filters={}",
    "id={}",
    "id__in={}",
    "state__exact={}",
    "state__regex={}",
    "password__startswith={}",
    "user__password__regex={}",
    "intent__order_reference={}",
    "{}=1",
    "placed_at__gte={}",
)


@pytest.mark.parametrize("name", LISTS)
def test_what_is_typed_into_a_search_stays_words(root, newest, bank, name):
    with nothing_changes(bank):
        # Each list meets other pairs; all of them meet every query and every injection.
        turn = LISTS.index(name)
        for number, query in enumerate(QUERIES):
            injection = INJECTIONS[(number + turn) % len(INJECTIONS)]
            with transaction.atomic():
                answer = root.get(f"/admin/{name}/?" + query.replace("{}", injection))
                transaction.set_rollback(True)  # a failed statement ends only this request
            assert answer.status_code in (200, 302, 400), (query, injection)
            assert b"<script>alert" not in answer.content


@pytest.mark.parametrize("name", ["orders/order", "payments/payment", "shop/user"])
def test_no_filter_asks_about_a_column_that_the_page_does_not_offer(root, newest, name):
    """A filter by password would tell a hash letter by letter."""
    for column in (
        "password__startswith",
        "intent__version",
        "claimed_by__password",
    ):
        assert root.get(f"/admin/{name}/?{column}=a").status_code in (302, 400)


def test_the_sign_in_asks_again_after_the_session_ends(chief):
    client = signed_in(chief)
    assert client.get("/admin/").status_code == 200
    session = client.session
    session.set_expiry(timedelta(seconds=-1))
    session.save()
    assert client.get("/admin/").status_code == 302


def test_a_new_password_ends_every_other_session(chief):
    here, there = signed_in(chief), signed_in(chief)
    chief.set_password("another-horse-battery")
    chief.save()
    assert [client.get("/admin/").status_code for client in (here, there)] == [302, 302]


def test_a_notification_shows_no_secret_and_runs_no_script(root, order, bank, guest):
    reference = pay(order).payment.reference
    headers, body = bank.notification(reference)
    guest.post("/webhooks/sandbox/", body, content_type="application/json", headers=headers)
    note, payment = Notification.objects.get(), Payment.objects.get()
    pages = [f"/admin/payments/notification/{note.pk}/change/"]
    pages += [f"/admin/payments/payment/{payment.pk}/change/"]
    for page in pages:
        text = root.get(page).content.decode()
        for secret in (bank.webhook_secret, bank.api_key, bank.signing_secret):
            assert secret not in text
        assert headers["sandbox-signature"] not in text


def test_the_card_forms_token_is_shown_to_nobody(root, order, bank):
    shown = pay(order, "card").payment.presentation
    assert shown is not None
    token = shown["client_token"]
    for page in ("", f"{Payment.objects.get().pk}/change/"):
        assert token not in root.get(f"/admin/payments/payment/{page}").content.decode()


def test_staff_who_may_look_at_people_make_nobody_a_superuser():
    looker = staff("looker", "shop.view_user")
    client = signed_in(looker)
    told = {"username": "looker", "is_superuser": "on", "is_staff": "on", "is_active": "on"}
    assert client.post(f"/admin/shop/user/{looker.pk}/change/", told).status_code == 403
    looker.refresh_from_db()
    assert not looker.is_superuser
