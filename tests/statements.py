"""Counting at the connection: queries, round trips and write commits of a piece of work."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection
from django.test.utils import CaptureQueriesContext

CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO")
WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


@dataclass
class Count:
    """What one piece of work cost; BEGIN and COMMIT are round trips but no queries."""

    statements: list[str] = field(default_factory=list)

    @property
    def queries(self) -> int:
        return len([s for s in self.statements if not s.startswith(CONTROL)])

    @property
    def round_trips(self) -> int:
        return len(self.statements)

    @property
    def write_commits(self) -> int:
        commits, dirty, inside = 0, False, False
        for statement in self.statements:
            if statement.startswith("BEGIN"):
                inside, dirty = True, False
            elif statement.startswith("COMMIT"):
                commits, inside = commits + dirty, False
            elif statement.lstrip().startswith(WRITES):
                dirty = True
                commits += not inside
        return commits

    def __str__(self) -> str:
        return "\n".join(s[:110].replace("\n", " ") for s in self.statements)


@contextmanager
def counted() -> Iterator[Count]:
    """`with counted() as cost:` — read `cost` after the block."""
    cost = Count()
    connection.ensure_connection()
    with CaptureQueriesContext(connection) as captured:
        yield cost
    cost.statements = [query["sql"].strip() for query in captured.captured_queries]
