"""`manage.py seed`: the demo's catalogue, deliveries and staff user. Repeatable.

A second run adds what is missing and changes neither stock, prices nor an existing password.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from rest_framework.authtoken.models import Token

from orders.goods import DELIVERIES, GOODS, Good
from orders.models import DeliveryOption, DeliveryPrice, Price, Product
from shop.models import User
from shop.roles import ensure_roles

STAFF = "staff"
#: What the demo's staff member may see and do; superuser rights are never needed.
STAFF_APPS = ("orders", "payments", "shop")


class Command(BaseCommand):
    """Fill an empty shop, or complete a filled one."""

    help = "Create the demo's catalogue, delivery options and staff user, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the login as one JSON line")

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            for position, good in enumerate(GOODS):
                _add_good(position, good)
            for position, delivery in enumerate(DELIVERIES):
                _add_delivery(position, *delivery)
            login = _add_staff(
                os.environ.get("STAFF_PASSWORD", ""), os.environ.get("STAFF_TOKEN", "")
            )
        if options["json"]:
            self.stdout.write(json.dumps(login))
            return
        self.stdout.write(f"{len(GOODS)} goods, {len(DELIVERIES)} delivery options")
        self.stdout.write(f"staff user {login['username']}, password {login['password']}")
        self.stdout.write(f"staff API token {login['token']}")


def _add_good(position: int, good: Good) -> None:
    product, _ = Product.objects.get_or_create(
        sku=good.sku,
        defaults={
            "title": good.title,
            "title_de": good.title_de,
            "description": good.description,
            "description_de": good.description_de,
            "picture": f"goods/{good.sku}.svg",
            "position": position,
            "stock_initial": good.stock,
            "stock_free": good.stock,
        },
    )
    for currency, amount_minor in good.prices.items():
        Price.objects.get_or_create(
            product=product, currency=currency, defaults={"amount_minor": amount_minor}
        )


def _add_delivery(
    position: int, code: str, title: str, title_de: str, prices: dict[str, int]
) -> None:
    option, _ = DeliveryOption.objects.get_or_create(
        code=code, defaults={"title": title, "title_de": title_de, "position": position}
    )
    for currency, amount_minor in prices.items():
        DeliveryPrice.objects.get_or_create(
            option=option, currency=currency, defaults={"amount_minor": amount_minor}
        )


def _add_staff(wanted_password: str, wanted_token: str) -> dict[str, str]:
    """The staff login; an old password is not known any more, so it is not shown."""
    user, created = User.objects.get_or_create(
        username=STAFF, defaults={"is_staff": True, "email": "staff@example.com"}
    )
    password = wanted_password or (secrets.token_urlsafe(12) if created else "")
    # The same password hashed anew would sign everybody out.
    if password and not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    views = Permission.objects.filter(
        content_type__app_label__in=STAFF_APPS, codename__startswith="view_"
    )
    refund = Permission.objects.filter(
        content_type__app_label="payments", codename="refund_payment"
    )
    user.user_permissions.add(*views, *refund)
    if settings.DEMO:
        _add_one_of_each_role(user)
    token, _ = Token.objects.get_or_create(
        user=user, defaults={"key": wanted_token} if wanted_token else {}
    )
    return {
        "username": STAFF,
        "password": password or "(as it was; set STAFF_PASSWORD to change it)",
        "token": token.key,
    }


def _add_one_of_each_role(staff: User) -> None:
    """The demo's users are called like their roles and share the staff user's password."""
    for role in ensure_roles():
        person, _ = User.objects.get_or_create(
            username=role, defaults={"is_staff": True, "email": f"{role}@example.com"}
        )
        person.groups.add(Group.objects.get(name=role))
        if person.password != staff.password:
            person.password = staff.password
            person.save(update_fields=["password"])
