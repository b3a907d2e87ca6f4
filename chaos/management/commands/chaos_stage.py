"""`manage.py chaos_stage`: an empty shop made ready for a drill."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from rest_framework.authtoken.models import Token

from orders.models import Product
from shop.models import User

#: Enough for every order of the longest drill, except where many want the last piece.
PLENTY = 1_000_000
SCARCE = {"vase-single": 1, "blanket-wool": 40}


class Command(BaseCommand):
    """Tables, goods and two of the staff; and, if told, one layer less."""

    help = "Prepare the database of a drill."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--token", required=True, help="of the second member of staff")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("roles")
        call_command("seed")
        for product in Product.objects.all():
            product.stock_initial = product.stock_free = SCARCE.get(product.sku, PLENTY)
            product.save(update_fields=["stock_initial", "stock_free"])
        second = User.objects.create(username="second", is_staff=True)
        first = User.objects.get(username="staff")
        second.user_permissions.set(first.user_permissions.all())
        Token.objects.create(user=second, key=options["token"])
        if getattr(settings, "CHAOS_LAYER_OFF", "") == "index":
            with connection.cursor() as cursor:
                cursor.execute("DROP INDEX one_live_or_settling_payment")
