"""Notifications: written in the transaction that makes them true, sent until acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sqlite3
from urllib.parse import urlsplit

import httpx

from simulator.books import Books
from simulator.settings import Settings

# Seconds before each further try; then one a minute, until it is three days old.
RETRY_SECONDS = (1, 2, 4, 8, 15, 30, 60)
GIVE_UP_SECONDS = 3 * 24 * 3600
# Long enough that the next notification overtakes one that is held back.
OVERTAKEN_SECONDS = 10.0
BATCH = 32
# How long a new notification waits at most before it leaves.
WAIT_SECONDS = 0.05
SHOP_ANSWERS_WITHIN_SECONDS = 10.0


def announce(books: Books, kind: str, payment: sqlite3.Row, refund_reference: str = "") -> None:
    """Write down that the merchant is to be told; the caller's transaction commits it."""
    now = books.now()
    event_id = f"evt_{secrets.token_hex(10)}"
    gateway = books.gateways[payment["gateway"]]
    body = gateway.message(kind, payment, refund_reference, event_id)
    if body is None:
        return
    faults = books.faults
    due_at: float | None = now + faults.figure("late_notification") * books.time_factor
    if faults.strikes("reorder_notification"):
        due_at = now + OVERTAKEN_SECONDS * books.time_factor
    if faults.strikes("lose_notification"):
        due_at = None
    copies = 2 if faults.strikes("duplicate_notification") else 1
    forged = faults.strikes("bad_notification_signature")
    for _ in range(copies):
        books.insert(
            "notifications", gateway=gateway.name, id=event_id, type=kind,
            reference=payment["reference"], url=payment["notify_url"], body=body,
            forged=int(forged), created_at=now, due_at=due_at,
            last_answer="lost on purpose" if due_at is None else "",
        )  # fmt: skip


def send_again(books: Books, notification_id: str) -> int:
    """Send once more what was sent before; the number of copies."""
    return books.write(
        "UPDATE notifications SET due_at = ? WHERE id = ?", books.now(), notification_id
    )


class Courier:
    """Carries due notifications to the shop, several at a time."""

    def __init__(self, books: Books, settings: Settings) -> None:
        self._books = books
        self._shop_url = settings.shop_url
        self._under_way: set[int] = set()
        self._hand_free = asyncio.Event()

    async def run(self) -> None:
        limits = httpx.Limits(max_connections=BATCH)
        timeout = httpx.Timeout(SHOP_ANSWERS_WITHIN_SECONDS)
        async with (
            httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            while True:
                for row in self._due():
                    self._under_way.add(row["number"])
                    group.create_task(self._carry(client, row))
                self._hand_free.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hand_free.wait(), WAIT_SECONDS)

    def _due(self) -> list[sqlite3.Row]:
        rows = self._books.all(
            "SELECT * FROM notifications WHERE due_at <= ? ORDER BY due_at, number LIMIT ?",
            self._books.now(), BATCH * 2,
        )  # fmt: skip
        free = [row for row in rows if row["number"] not in self._under_way]
        return free[: BATCH - len(self._under_way)]

    async def _carry(self, client: httpx.AsyncClient, row: sqlite3.Row) -> None:
        gateway = self._books.gateways[row["gateway"]]
        headers, body = gateway.sealed(row["body"], event_id=row["id"], forged=bool(row["forged"]))
        try:
            answer = await client.post(self._address(row["url"]), content=body, headers=headers)
            heard = gateway.is_acknowledged(answer)
            self._note(row, str(answer.status_code), acknowledged=heard)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
            self._note(row, type(problem).__name__, acknowledged=False)
        finally:
            self._under_way.discard(row["number"])
            self._hand_free.set()

    def _address(self, told: str) -> str:
        """Where to knock; raises ValueError for what is no address."""
        parts = urlsplit(told)
        is_here = parts.hostname in ("127.0.0.1", "::1", "localhost")
        return self._shop_url + parts.path if self._shop_url and is_here else told

    def _note(self, row: sqlite3.Row, answer: str, *, acknowledged: bool) -> None:
        now, tries = self._books.now(), row["tries"]
        wait = RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)] * self._books.time_factor
        over = acknowledged or now - row["created_at"] > GIVE_UP_SECONDS
        self._books.write(
            "UPDATE notifications SET due_at = ?, tries = ?, last_answer = ? WHERE number = ?",
            None if over else now + wait, tries + 1, answer, row["number"],
        )  # fmt: skip
