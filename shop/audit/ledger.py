"""The gateways' statements, loaded beside our tables for one audit."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.db import connection

from payments.reconciliation import Movement, movements

#: How often somebody who waits is told how far it is.
DAYS_BETWEEN_WORDS = 10


def read(
    first: date, last: date, *, progress: Callable[[str], None] = lambda _: None
) -> list[Movement]:
    """Every day's statement, telling now and then how far it is.

    Raises the gateways' Unknown: an audit without their word proves nothing.
    """
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    rows: list[Movement] = []
    for number, day in enumerate(days, start=1):
        rows += movements(day)
        if number % DAYS_BETWEEN_WORDS == 0 or number == len(days):
            progress(f"{number} of {len(days)} days read, {len(rows)} movements")
    return rows


def load(rows: list[Movement], *, first: date) -> None:
    """Put the statements into the temporary table `movement`, which lasts one transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DROP TABLE IF EXISTS movement, audit_span CASCADE;
            CREATE TEMP TABLE audit_span (day timestamptz) ON COMMIT DROP;
            CREATE TEMP TABLE movement (gateway text, kind text, reference text,
                refund_reference text, transaction_id text, amount_minor bigint,
                currency text, at timestamptz) ON COMMIT DROP
            """
        )
        cursor.execute("INSERT INTO audit_span VALUES (%s)", [f"{first} 00:00+00"])
        cursor.executemany(
            "INSERT INTO movement VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [_columns(movement) for movement in rows],
        )
        cursor.execute("CREATE INDEX ON movement (gateway, reference); ANALYZE movement")


def _columns(movement: Movement) -> list[str | int | datetime]:
    row = movement.row
    return [
        movement.gateway,
        row.kind,
        row.reference,
        row.refund_reference,
        row.transaction_id,
        row.amount_minor,
        row.currency,
        row.at,
    ]
