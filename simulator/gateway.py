"""What each simulated gateway brings along: its doors, its names for things, its post.

The books behind them are one: whatever protocol a payment came by, a charge is a charge.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import httpx
from starlette.routing import Route


class Closes(StrEnum):
    """Whether a payment that is open can be closed before its time is over."""

    AT_ONCE = "at once"
    NOT_WHILE_CHARGED = "not while charged"
    BY_ITS_TIME = "by its time"


class Gateway(Protocol):
    """One gateway's side of the wire. It keeps nothing: the books do."""

    name: str

    def routes(self) -> list[Route]:
        """Its doors for the merchant and for the shopper, at addresses of its own."""

    def new_id(self, kind: str) -> str:
        """The gateway's own id for a new "payment", "capture" or "refund".

        Empty for a capture that has no id but its payment's.
        """

    def closes(self, method: str) -> Closes:
        """How a payment by this method can be closed."""

    def waits_for_capture(self, method: str) -> bool:
        """Whether the shopper's consent moves no money until the merchant captures."""

    def message(self, kind: str, payment: sqlite3.Row, refund: str, event_id: str) -> str | None:
        """The body of a notification, or None where this gateway says nothing about it.

        `kind` is payment.paid, .authorized, .declined, .attempt_failed, .closed, .disputed or
        refund.done, .failed; `refund` is the merchant's reference of the refund, or empty.
        """

    def sealed(self, body: str, *, event_id: str, forged: bool) -> tuple[Mapping[str, str], bytes]:
        """The notification as it is sent now: headers and body, signed (with a wrong key)."""

    def is_acknowledged(self, answer: httpx.Response) -> bool:
        """Whether the shop said what this gateway wants to hear."""
