"""`manage.py doctor`: is this installation fit to take money?"""

from typing import Any

from django.core.management.base import CommandParser

from shop import doctor
from shop.operating import OperatorCommand


class Command(OperatorCommand):
    """Look at everything below the shop; exit 1 when something is bad."""

    help = (
        "Check versions, durability, migrations, Redis, clocks, gateways, secrets, heartbeat and "
        "mail. Changes nothing. Exit code 1 when something is bad; warnings alone are 0."
    )
    writes = False
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        names = [doctor.name_of(check) for check in doctor.CHECKS]
        parser.add_argument("--only", choices=names, help="one check alone")

    def handle(self, *args: Any, **options: Any) -> None:
        found = doctor.examine(options["only"])
        if options["json"]:
            self.tell({"findings": [vars(finding) for finding in found]}, options)
        else:
            marks = {"ok": "ok", "warn": " !", "bad": "!!"}
            for finding in found:
                self.stdout.write(f"{marks[finding.level]} {finding.check}: {finding.saw}")
        if any(finding.level is doctor.Level.BAD for finding in found):
            raise SystemExit(1)
