"""References of payments and refunds: upper-case ULIDs, 26 letters and digits.

One alphabet fits every gateway's merchant reference and idempotency key. The specification
is github.com/ulid/spec: 48 bits of milliseconds, 80 random bits, Crockford's base 32.
"""

import re
import secrets
from datetime import datetime

from payments.problems import PaymentNotFound

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
FORM = re.compile(f"[{ALPHABET}]{{26}}")


def check_form(reference: str) -> None:
    """Raises PaymentNotFound for what cannot be a reference of ours, as for an absent one."""
    if not FORM.fullmatch(reference):
        raise PaymentNotFound


def new_reference(now: datetime) -> str:
    """A fresh ULID; sorts by the moment it was made."""
    number = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
