"""`manage.py prepare`: tables, seed and static files brought up to date; repeating is harmless."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from shop.database import limits


class Command(BaseCommand):
    """One process for all three: starting Django three times would be half of the start."""

    help = "Migrate, seed the catalogue and collect the static files. Can be repeated at any time."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """An image has its static files already, and its disk is read-only."""
        parser.add_argument("--no-static", action="store_true", help="collect no static files")

    def handle(self, *, no_static: bool, **_: object) -> None:
        """Run the steps in this order."""
        call_command("migrate", interactive=False, verbosity=1)
        if settings.DATABASE_POOLER != "none":
            limits.keep()
        call_command("roles")
        call_command("seed")
        if settings.DEMO:
            call_command("seed_history")
        if not no_static:
            collect_static_files()


def collect_static_files() -> None:
    """Collect them if any changed since the last time: hashing and packing takes seconds."""
    mark = Path(settings.STATIC_ROOT) / ".collected"
    now = fingerprint()
    if not mark.exists() or mark.read_text() != now:
        call_command("collectstatic", interactive=False, verbosity=0)
        mark.write_text(now)


def fingerprint() -> str:
    """The same as long as no static file was added, removed or written to."""
    seen = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in finder.list(ignore_patterns=[]):
            found = Path(storage.path(name)).stat()
            seen.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return seen.hexdigest()
