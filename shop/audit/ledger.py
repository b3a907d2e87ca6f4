"""The gateways' statements, loaded beside our tables for one audit."""

from datetime import date, datetime, timedelta

from django.db import connection

from payments.reconciliation import Movement, movements


def load(first: date, last: date) -> list[Movement]:
    """Read every day's statement and put it into the temporary table `movement`.

    Raises the gateways' Unknown: an audit without their word proves nothing.
    """
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    rows = [movement for day in days for movement in movements(day)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DROP TABLE IF EXISTS movement, audit_span CASCADE;
            CREATE TEMP TABLE audit_span (day timestamptz);
            CREATE TEMP TABLE movement (gateway text, kind text, reference text,
                refund_reference text, transaction_id text, amount_minor bigint,
                currency text, at timestamptz)
            """
        )
        cursor.execute("INSERT INTO audit_span VALUES (%s)", [f"{first} 00:00+00"])
        cursor.executemany(
            "INSERT INTO movement VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [_columns(movement) for movement in rows],
        )
        cursor.execute("CREATE INDEX ON movement (gateway, reference); ANALYZE movement")
    return rows


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
