"""`manage.py two_factor_reset USER`: the phone is lost and so are the spare codes."""

from typing import Any

import django_otp
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from shop import two_factor
from shop.operating import OperatorCommand


class Command(OperatorCommand):
    """Forget a person's devices; they make a new one at the next sign-in."""

    help = "Forget USER's second factor. Make sure first that it is really them who asks."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        person = get_user_model().objects.filter(username=options["username"]).first()
        if person is None:
            raise CommandError(f"Nobody is called {options['username']!r}.")
        if options["dry_run"]:
            found = len(list(django_otp.devices_for_user(person, confirmed=None)))
            self.tell({"devices_to_forget": found}, options)
            return
        self.tell({"devices_forgotten": two_factor.reset(person)}, options)
