"""What the operators' commands have in common: `--dry-run`, `--json`, progress, plain errors."""

import json
import sys
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder


class OperatorCommand(BaseCommand):
    """A command that can be repeated at any time and whose answer programs can read."""

    #: False where nothing is ever written.
    writes = True

    def add_arguments(self, parser: CommandParser) -> None:
        """The two switches that every command has."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        if self.writes:
            parser.add_argument("--dry-run", action="store_true", help="say what, change nothing")

    def tell(self, told: dict[str, Any], options: dict[str, Any]) -> None:
        """Print the answer, for a program or for a person."""
        if options["json"]:
            self.stdout.write(json.dumps(told, cls=DjangoJSONEncoder))
            return
        for name, value in told.items():
            if isinstance(value, list):
                self.stdout.write(f"{name.replace('_', ' ')}: {len(value) or 'none'}")
                for row in value:
                    self.stdout.write(f"  {_line(row)}")
            else:
                self.stdout.write(f"{name.replace('_', ' ')}: {value}")

    def progress(self, text: str) -> None:
        """One line on standard error, which `--json` does not use."""
        if sys.stderr.isatty() or self._verbose():
            self.stderr.write(text)

    def _verbose(self) -> bool:
        return int(getattr(self, "verbosity", 1)) > 1

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Remember how much to say."""
        self.verbosity = options.get("verbosity", 1)
        return super().execute(*args, **options)


def _line(row: Any) -> str:
    if isinstance(row, dict):
        return "  ".join(
            f"{name} {value}" for name, value in row.items() if value not in ("", None)
        )
    return str(row)


def nothing(what: str, reference: str) -> CommandError:
    """Nobody knows this reference: say where one is found."""
    return CommandError(f"No {what} has the reference {reference!r}.")


def days(text: str) -> int:
    """A number of days, from 1 on. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number of days from 1 on")
    return int(text)
