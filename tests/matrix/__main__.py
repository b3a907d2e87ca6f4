"""`python -m tests.matrix`: write docs/fault-matrix.md anew."""

import os

import tests.environment  # noqa: F401 - the settings read it

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

import django

django.setup()

from tests.matrix import page  # noqa: E402

page.import_tests()
page.PAGE.write_text(page.render())
