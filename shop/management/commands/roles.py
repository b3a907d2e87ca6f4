"""`manage.py roles`: the staff's groups as the table says."""

from typing import Any

from django.core.management.base import BaseCommand

from shop.roles import ensure_roles


class Command(BaseCommand):
    """Run after each migration; a repeat sets the same rights."""

    help = "Make the groups support, refunds, approver and operator, with exactly their rights."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, count in ensure_roles().items():
            self.stdout.write(f"{name}: {count} rights")
