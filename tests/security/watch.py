"""Reading the security log: one line a refusal, and never a secret in it."""

from __future__ import annotations

import logging
from typing import Any


class SecurityLog(logging.Handler):
    """Keeps what the logger `security` was told, as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        told: Any = record.msg if isinstance(record.msg, dict) else record.getMessage()
        self.lines.append(repr(told))

    def has_one_line(self, *secrets: str) -> bool:
        """Exactly one refusal was noted, and none of these words is in it."""
        assert len(self.lines) == 1, self.lines
        for secret in secrets:
            assert secret not in self.lines[0], secret
        return "\n" not in self.lines[0]
