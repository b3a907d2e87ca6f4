"""The invariants, read from `invariants.sql` and asked one by one."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db import connection

SQL = Path(__file__).with_name("invariants.sql")
HEADING = re.compile(r"^-- (setup|I\d+)(?: (.+))?$", re.MULTILINE)
#: Asked only when the caller says that everything should have come to rest.
ONLY_AT_REST = {"I13"}
FORGET = "DROP VIEW IF EXISTS at_rest, net, returned, audited CASCADE"


@dataclass(frozen=True)
class Invariant:
    """One sentence that must hold, and the statement that finds where it does not."""

    name: str
    sentence: str
    sql: str


@dataclass(frozen=True)
class Violation:
    """One place where an invariant does not hold."""

    invariant: str
    subject: str
    detail: str


@cache
def invariants() -> dict[str, Invariant]:
    """Every section of the file by its name; `setup` makes the views."""
    parts = HEADING.split(SQL.read_text())[1:]
    names, sentences, bodies = parts[::3], parts[1::3], parts[2::3]
    return {
        name: Invariant(name, sentence or "", sql.strip())
        for name, sentence, sql in zip(names, sentences, bodies, strict=True)
    }


def check(*, all_at_rest: bool) -> list[Violation]:
    """Every violation, in the invariants' order. The ledger is loaded already."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(FORGET)
        cursor.execute(invariants()["setup"].sql)
        for invariant in invariants().values():
            skipped = invariant.name in ONLY_AT_REST and not all_at_rest
            if invariant.name == "setup" or skipped:
                continue
            cursor.execute(invariant.sql)
            found += [Violation(invariant.name, *row) for row in cursor.fetchall()]
        # A pooled connection lives on, and a view that was left there would hinder a migration.
        cursor.execute(FORGET)
    return found
