"""`manage.py seed_history`: a few days of past for the demo, lived through at the bank."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from shop.demo_history import tell_history
from shop.problems import Problem


class Command(BaseCommand):
    """For the demo alone: the bank's clock is put back while it runs."""

    help = "Make the demo's orders of the last days through the real services. Repeatable."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("This is for the demo alone: it plays with the bank's clock.")
        try:
            self.stdout.write(f"{tell_history(now=timezone.now())} orders of the last days")
        except (OSError, Problem) as trouble:
            # A demo with less of a past is still a demo.
            self.stderr.write(f"Not all of the past was told: {trouble!r}")
