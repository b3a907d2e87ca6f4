"""`manage.py chaos`: break a real running shop, then ask the bank what became of the money."""

import sys

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Listed here for `manage.py help`; manage.py itself runs it before any setting is read."""

    help = "Run shoppers against a whole shop of real processes while everything breaks."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> None:
        """The drill has an argument parser of its own."""
        from chaos.command import main

        sys.exit(main(argv[2:]))
