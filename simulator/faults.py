"""What can go wrong on purpose: the knobs, their limits and their seeded dice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Any

OPERATIONS = ("create", "query", "close", "capture", "refund", "query_refund", "statement")
CUT_OFF_DELAY_MS = 1000.0


class BadKnob(Exception):
    """An unknown name or a value outside the knob's limits."""


@dataclass(frozen=True)
class Knob:
    """`unit` is chance (0 to 1), ms, s, whole or operations; `most` bounds the figure."""

    name: str
    unit: str
    most: float
    meaning: str


def _chance(name: str, meaning: str) -> Knob:
    return Knob(name, "chance", 1, meaning)


KNOBS = (
    Knob("seed", "whole", 2**63 - 1, "starts the dice; the same seed replays the same faults"),
    _chance("lose_answer", "does it, then cuts the connection without an answer"),
    _chance("error_before", "answers 500 and does nothing"),
    _chance("error_after", "does it, then answers 500"),
    Knob("delay_ms", "ms", 600_000, "waits before it does anything"),
    _chance("delay_probability", "how often it waits; always, when only delay_ms is set"),
    _chance("late_request", "cuts the connection; the effect happens later"),
    Knob("late_request_ms", "ms", 600_000, "how much later; 1000 when not set"),
    _chance("lose_notification", "never sends the notification"),
    _chance("duplicate_notification", "sends the notification twice"),
    _chance("reorder_notification", "holds a notification back so that later ones overtake it"),
    Knob("late_notification", "s", 10**6, "sends each notification so many seconds late"),
    _chance("bad_notification_signature", "signs the notification with a wrong secret"),
    _chance("refuse_close", "answers that the payment cannot be closed before its time limit"),
    _chance("decline_create", "opens the payment declined for good"),
    _chance("refuse_create", "refuses to open the payment: 422"),
    _chance("refuse_capture", "refuses to capture: the shopper has to agree once more"),
    _chance("decline_capture", "takes the consent, and then no money for good"),
    _chance("wrong_amount", "the shopper pays another amount"),
    _chance("wrong_currency", "the shopper pays in another currency"),
    _chance("wrong_merchant", "the answer names another merchant"),
    _chance("wrong_reference", "the answer names another reference"),
    _chance("bad_signature", "signs the answer with a wrong secret"),
    _chance("broken_answer", "signs an answer that is not JSON"),
    _chance("not_found", "a query pretends that the reference does not exist"),
    _chance("hold_status", "a query shows the payment as open although it was paid"),
    _chance("unknown", "a query says that the state cannot be told now"),
    _chance("ignore_key", "a repeated request opens a second payment with the same reference"),
    Knob("late_capture", "s", 10**6, "money from the bank page arrives so many seconds late"),
    _chance("refund_pending", "a refund is pending first, then done"),
    _chance("refund_fail", "a refund is pending first, then fails"),
    _chance("refund_fail_late", "a refund is done first, then fails"),
    _chance("refuse_refund", "refuses the refund: 422"),
    Knob("refund_delay", "s", 10**6, "how long a refund is pending; 1 when not set"),
    Knob("clock_skew", "s", 10**6, "signatures carry a time so many seconds away"),
    Knob("only", "operations", 0, "answers to these operations alone are disturbed"),
    Knob("at_most", "whole", 10**9, "each chance strikes so many times, then no more"),
)
_BY_NAME = {knob.name: knob for knob in KNOBS}


class Faults:
    """The switches as they stand. Each knob has its own dice, so one never shifts another."""

    def __init__(self) -> None:
        self.replace({})

    def replace(self, wanted: dict[str, Any]) -> None:
        """Absent means 0. Raises BadKnob, and then nothing has changed."""
        values = {name: _checked(name, value) for name, value in wanted.items()}
        self._values = values
        self._strikes = dict.fromkeys(_BY_NAME, 0)
        seed = int(values.get("seed", 0))
        self._dice = {name: Random(f"{seed}:{name}") for name in _BY_NAME}  # noqa: S311

    def as_dict(self) -> dict[str, Any]:
        shown = {k.name: [] if k.unit == "operations" else 0 for k in KNOBS} | self._values
        if self.figure("delay_ms") and "delay_probability" not in self._values:
            shown["delay_probability"] = 1
        return shown

    def struck(self) -> dict[str, int]:
        """How often each knob had its way since the switches were last set."""
        return {name: count for name, count in self._strikes.items() if count}

    def figure(self, name: str, default: float = 0) -> float:
        return float(self._values.get(name, default))

    def strikes(self, name: str, operation: str = "") -> bool:
        """Throw the dice of one knob once."""
        if operation and operation not in self._values.get("only", [operation]):
            return False
        chance = self._values.get(name, 0)
        if not chance or self._dice[name].random() >= chance:
            return False
        return self._allowed(name)

    def delay_seconds(self, operation: str) -> float:
        if operation not in self._values.get("only", [operation]):
            return 0
        chance = self._values.get("delay_probability", 1)
        if not self.figure("delay_ms") or self._dice["delay_ms"].random() >= chance:
            return 0
        return self.figure("delay_ms") / 1000 if self._allowed("delay_ms") else 0

    def late_request_seconds(self) -> float:
        return self.figure("late_request_ms", CUT_OFF_DELAY_MS) / 1000

    def _allowed(self, name: str) -> bool:
        self._strikes[name] += 1
        most = self._values.get("at_most", 0)
        if most and self._strikes[name] > most:
            self._strikes[name] = int(most)
            return False
        return True


def _checked(name: str, value: Any) -> Any:
    knob = _BY_NAME.get(name)
    if knob is None:
        raise BadKnob(f"unknown knob: {name[:60]}")
    if knob.unit == "operations":
        return _checked_operations(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadKnob(f"{name} must be a number")
    if knob.unit == "whole" and value != int(value):
        raise BadKnob(f"{name} must be a whole number")
    # Clocks go wrong in both directions, everything else counts from 0.
    least = -knob.most if name == "clock_skew" else 0
    if not least <= value <= knob.most:
        raise BadKnob(f"{name} must be between {least:g} and {knob.most:g}")
    return value


def _checked_operations(value: Any) -> list[str]:
    wanted = [value] if isinstance(value, str) else value
    if not isinstance(wanted, list) or not wanted or any(o not in OPERATIONS for o in wanted):
        raise BadKnob(f"only must name operations out of {', '.join(OPERATIONS)}")
    return wanted
