"""The time of a story: it passes only when the story says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2030, 3, 1, 9, tzinfo=UTC)


class Clock:
    """Both the wall clock of the story and what its modules use as `time.monotonic`."""

    def __init__(self) -> None:
        self.now = BEGINNING

    def restart(self) -> None:
        self.now = BEGINNING

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return (self.now - BEGINNING).total_seconds()
