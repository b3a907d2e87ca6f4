"""`manage.py demo`: the whole shop on one machine."""

import sys

from django.core.management.base import BaseCommand

from shop.demo import main


class Command(BaseCommand):
    """Listed here for `manage.py help`; manage.py itself runs it before any setting is read."""

    help = "Run the whole shop with embedded servers and a simulated bank, until Ctrl-C."
    requires_system_checks = []

    def handle(self, **_: object) -> None:
        """Run until a signal."""
        sys.exit(main())
