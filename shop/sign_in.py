"""The staff's sign-in, with a limit on guesses. Staff are few; passwords are not guessed fast.

Redis counts; while it is away the database does: this limit never fails open.
"""

from __future__ import annotations

import hashlib

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_post_parameters

from shop import courtesy
from shop.logs import get_logger
from shop.models import SignInTries
from shop.problems import Problem

log = get_logger("security")

WINDOW_SECONDS = 60
#: A person who mistypes has enough of these; they count until the window ends or it fits.
TRIES_PER_ADDRESS = 5
#: Many addresses guess at one account: more, so that nobody locks it for its owner easily.
TRIES_PER_ACCOUNT = 50


class TooManyTries(Problem):
    """Wait a minute."""

    status = 429
    slug = "too-many-requests"
    title = "Too many attempts to sign in."


@sensitive_post_parameters()
def sign_in(request: HttpRequest) -> HttpResponse:
    """Django's own page; who guesses meets the limit first. Raises TooManyTries."""
    if request.method != "POST":
        return admin.site.login(request)
    names = _count(request)
    response = admin.site.login(request)
    if response.status_code == 302:
        forget_tries(*names)
    else:
        log.warning("sign_in.failed")
    return response


def _count(request: HttpRequest) -> list[str]:
    account = hashlib.sha256(request.POST.get("username", "").lower().encode()).hexdigest()
    limits = {
        f"sign-in:address:{request.META.get('REMOTE_ADDR', '')}": TRIES_PER_ADDRESS,
        f"sign-in:account:{account}": TRIES_PER_ACCOUNT,
    }
    for name, limit in limits.items():
        count_try(name, limit)
    return list(limits)


def count_try(name: str, limit: int) -> None:
    """One more guess of this kind within the window. Raises TooManyTries."""
    tries = courtesy.count(name, seconds=WINDOW_SECONDS)
    if tries is None:
        tries = _count_in_database(name)
    if tries > limit:
        raise TooManyTries(retry_after_seconds=WINDOW_SECONDS)


def forget_tries(*names: str) -> None:
    """The right word was given: the next person who mistypes starts anew."""
    courtesy.drop(*names)
    SignInTries.objects.filter(name__in=names).delete()


def _count_in_database(name: str) -> int:
    """One more within the window, and how many that makes: one statement decides the race."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO shop_signintries AS t (name, tries, window_ends_at)
            VALUES (%s, 1, now() + make_interval(secs => %s))
            ON CONFLICT (name) DO UPDATE SET
                tries = CASE WHEN t.window_ends_at < now() THEN 1 ELSE t.tries + 1 END,
                window_ends_at = CASE WHEN t.window_ends_at < now()
                    THEN excluded.window_ends_at ELSE t.window_ends_at END
            RETURNING tries
            """,
            [name, WINDOW_SECONDS],
        )
        (tries,) = cursor.fetchone()
    return int(tries)
