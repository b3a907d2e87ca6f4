"""Before money goes out: the person at the keyboard typed the password not long ago.

Where it is typed is `shop.desk.confirming`; whoever sends money for a session asks here.
"""

from datetime import datetime, timedelta

from django.contrib.sessions.backends.base import SessionBase

from shop.problems import Problem

#: A walk to the printer, not a lunch.
CONFIRMED_FOR = timedelta(minutes=15)
SESSION_KEY = "password_confirmed_at"


class ConfirmPassword(Problem):
    """Type the password at the desk, then send the same request again."""

    status = 403
    slug = "confirm-password"
    title = "Type your password first: the last time was over 15 minutes ago."


def note_confirmed(session: SessionBase, *, now: datetime) -> None:
    """The password was right."""
    session[SESSION_KEY] = now.timestamp()


def is_confirmed(session: SessionBase, *, now: datetime) -> bool:
    """Whether the password was typed within the last quarter of an hour."""
    since = now.timestamp() - float(session.get(SESSION_KEY, 0))
    return since < CONFIRMED_FOR.total_seconds()
