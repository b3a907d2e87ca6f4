"""`manage.py push_keys`: a new key pair for notifications, printed and kept nowhere."""

from base64 import urlsafe_b64encode
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Print what belongs into the environment; browsers learn the public half by themselves."""

    help = "Make a key pair for Web Push and print it as environment variables."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric import ec

            from orders.post.push_wire import public_key
        except ImportError as missing:
            raise CommandError(f"Install the extra `push`: {missing.name} is missing.") from None
        number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        private = urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
        self.stdout.write(f"VAPID_PRIVATE_KEY={private}")
        self.stdout.write("VAPID_SUBJECT=mailto:you@your-shop.example")
        self.stdout.write(f"# For information, the public key: {public_key(private)}")
