"""What there is, before and after an attack: every row of every table, and the bank's ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from tests.bank import Bank

#: Who signed in when is no business fact, nor how many forged deliveries came.
OF_SESSIONS = {"django_session", "payments_gatewayhealth"}


def census(bank: Bank | None = None, *, without: set[str] = OF_SESSIONS) -> dict[str, str]:
    """Each table's number of rows with a digest of their content; `bank` adds its ledger."""
    tables = sorted(set(connection.introspection.table_names()) - without)
    digests = " UNION ALL ".join(
        f"SELECT '{table}', count(*) || ' rows ' || coalesce(md5(string_agg("
        f"t::text, '\n' ORDER BY t::text)), '-') FROM \"{table}\" t"
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(digests)
        found = dict(cursor.fetchall())
    if bank is not None:
        found["the bank's ledger"] = repr(bank.ledger())
        found["the bank's payments"] = repr(bank.payments())
    return found


@contextmanager
def nothing_changes(bank: Bank | None = None) -> Iterator[None]:
    """The block leaves every row and, with `bank`, all real money as it was."""
    before = census(bank)
    yield
    after = census(bank)
    assert {k: v for k, v in after.items() if before[k] != v} == {}
