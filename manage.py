#!/usr/bin/env python
"""Payonce's command line: `python manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    """Run one command."""
    if sys.argv[1:2] == ["demo"]:
        # The demo makes the secrets and servers that the settings ask for.
        from shop.demo import main as demo

        sys.exit(demo())
    if sys.argv[1:2] == ["chaos"]:
        # The drill has a shop of its own, with settings of its own.
        from chaos.command import main as chaos

        sys.exit(chaos(sys.argv[2:]))
    from shop.demo import join_running

    join_running()  # typed beside a running demo, and told nothing else
    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
