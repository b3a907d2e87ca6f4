"""The ledger's file: SQLite in WAL mode, one writer, every change one transaction.

What was committed survives a SIGKILL of the process. Times are seconds since 1970 (UTC),
amounts whole minor units.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.faults import Faults

if TYPE_CHECKING:
    from simulator.gateway import Gateway

VERSION = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    merchant TEXT NOT NULL,
    reference TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    method TEXT NOT NULL,
    -- authorized: the shopper agreed, and the merchant has not captured
    state TEXT NOT NULL CHECK (state IN ('open', 'authorized', 'paid', 'declined', 'closed')),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    order_reference TEXT NOT NULL,  -- the merchant's own word, told back
    subject TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    notify_url TEXT NOT NULL,
    return_url TEXT NOT NULL,
    locale TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    last_decline TEXT,
    busy_until REAL,   -- a card challenge is running: neither closable nor expiring
    settles_at REAL,   -- money is on its way from the bank page
    facts TEXT NOT NULL DEFAULT '{}'  -- JSON: what only its own protocol needs
);
CREATE INDEX IF NOT EXISTS payments_by_reference ON payments (reference);
CREATE INDEX IF NOT EXISTS payments_by_key ON payments (idempotency_key);
CREATE INDEX IF NOT EXISTS unpaid_payments ON payments (expires_at)
    WHERE state IN ('open', 'authorized');
CREATE TABLE IF NOT EXISTS closed_before_seen (reference TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS captures (
    transaction_id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE REFERENCES payments (id),  -- one payment is paid once
    reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    paid_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS captures_by_reference ON captures (reference);
CREATE TABLE IF NOT EXISTS refunds (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    payment_reference TEXT NOT NULL,
    transaction_id TEXT NOT NULL REFERENCES captures (transaction_id),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    created_at REAL NOT NULL,
    next_state TEXT,
    next_at REAL,
    facts TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS refunds_by_payment ON refunds (payment_reference);
CREATE INDEX IF NOT EXISTS refunds_by_transaction ON refunds (transaction_id);
CREATE INDEX IF NOT EXISTS ripening_refunds ON refunds (next_at) WHERE next_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS movements (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('charge', 'refund')),
    reference TEXT NOT NULL,
    refund_reference TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    fee_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    at REAL NOT NULL,
    returned_at REAL   -- a refund that came back: the money never left after all
);
CREATE INDEX IF NOT EXISTS movements_by_reference ON movements (reference);
CREATE INDEX IF NOT EXISTS movements_by_day ON movements (at);
CREATE TABLE IF NOT EXISTS notifications (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    reference TEXT NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    forged INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    due_at REAL,       -- NULL: acknowledged, lost or given up
    tries INTEGER NOT NULL DEFAULT 0,
    last_answer TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS due_notifications ON notifications (due_at) WHERE due_at IS NOT NULL;
"""
# Version 1 knew one gateway and no consent before the capture.
FROM_1_SET_ASIDE = """
PRAGMA legacy_alter_table = ON;  -- captures go on pointing at "payments"
ALTER TABLE payments RENAME TO payments_1;
DROP INDEX payments_by_reference; DROP INDEX payments_by_key; DROP INDEX open_payments;
ALTER TABLE movements ADD COLUMN gateway TEXT NOT NULL DEFAULT 'sandbox';
ALTER TABLE notifications ADD COLUMN gateway TEXT NOT NULL DEFAULT 'sandbox';
ALTER TABLE refunds ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
"""
FROM_1_BRING_OVER = """
INSERT INTO payments SELECT number, 'sandbox', id, merchant, reference, idempotency_key,
    fingerprint, method, state, amount_minor, currency, order_reference, subject, created_at,
    expires_at, notify_url, return_url, locale, token, last_decline, busy_until, settles_at, '{}'
FROM payments_1;
DROP TABLE payments_1;
"""
TABLES = ("notifications", "movements", "refunds", "captures", "closed_before_seen", "payments")


class Refusal(Exception):
    """The bank says no: an HTTP status and a stable word."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class Books:
    """One open ledger file, used by one thread only; `merchant` owns every payment in it."""

    def __init__(self, folder: Path, merchant: str, public_url: str, time_factor: float) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "ledger.sqlite3", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # NORMAL loses nothing when the process dies, only perhaps when the machine does.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._bring_up_to_date(folder)
        self._db.execute("PRAGMA foreign_keys = ON")
        self.merchant = merchant
        self.public_url = public_url
        self.time_factor = time_factor
        self.faults = Faults()
        # By name; who put the bank together fills it.
        self.gateways: dict[str, Gateway] = {}
        # Put back by a demo that lives through its past; gone with the process.
        self.seconds_behind = 0.0

    def _bring_up_to_date(self, folder: Path) -> None:
        found = int(self.the("PRAGMA user_version")[0])
        if found > VERSION:
            self._db.close()
            raise SystemExit(f"The ledger in {folder} belongs to a newer bank ({found}).")
        old = found == 1
        # One script, one transaction: a bank that dies here starts again where it was.
        steps = ["BEGIN IMMEDIATE;", FROM_1_SET_ASIDE if old else "", SCHEMA]
        steps += [FROM_1_BRING_OVER if old else "", f"PRAGMA user_version = {VERSION};", "COMMIT;"]
        self._db.executescript("".join(steps))

    def now(self) -> float:
        return time.time() - self.seconds_behind

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction; the outermost one commits."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def the(self, sql: str, *values: Any) -> sqlite3.Row:
        """The first row of a question that always has one."""
        row: sqlite3.Row = self._db.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return row

    def write(self, sql: str, *values: Any) -> int:
        """The number of rows it changed."""
        return self._db.execute(sql, values).rowcount

    def insert(self, table: str, **values: Any) -> None:
        marks = ", ".join("?" * len(values))
        columns = ", ".join(values)
        self.write(f"INSERT INTO {table} ({columns}) VALUES ({marks})", *values.values())  # noqa: S608  # nosec B608

    def forget_everything(self) -> None:
        with self.change():
            for table in TABLES:
                self.write(f"DELETE FROM {table}")  # noqa: S608  # nosec B608
        self.faults.replace({})

    def close(self) -> None:
        self._db.close()


def rfc3339(moment: float) -> str:
    """Seconds since 1970 as a UTC time with a Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
