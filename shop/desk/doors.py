"""Who is signed in, as the services want to know it."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from shop.models import User


def member(request: HttpRequest) -> User:
    """The member of staff behind a page of the desk."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    return user
