"""`manage.py prepare`: tables, seed and static files brought up to date; repeating is harmless."""

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """One process for all three: starting Django three times would be half of the start."""

    help = "Migrate, seed the catalogue and collect the static files. Can be repeated at any time."
    requires_system_checks = []

    def handle(self, **_: object) -> None:
        """Run the three steps in this order."""
        call_command("migrate", interactive=False, verbosity=1)
        call_command("seed")
        call_command("collectstatic", interactive=False, verbosity=0)
