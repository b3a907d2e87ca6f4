"""Members of the staff for the desk's tests."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from shop.models import User


def person(name: str, *rights: str) -> User:
    """A member of staff with these rights of payments, and every right to look."""
    made = User.objects.create_user(name, password="x", is_staff=True)
    looks = Permission.objects.filter(
        content_type__app_label__in=["orders", "payments", "shop"], codename__startswith="view_"
    )
    made.user_permissions.add(*looks)
    for right in rights:
        made.user_permissions.add(
            Permission.objects.get(content_type__app_label="payments", codename=right)
        )
    return User.objects.get(pk=made.pk)


def at_the_desk(someone: User) -> Client:
    client = Client()
    client.force_login(someone)
    return client


def text_of(answer: Any) -> str:
    """A page's text, also of one that is sent piece by piece."""
    whole = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return whole.decode()
