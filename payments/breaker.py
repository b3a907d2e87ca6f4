"""The circuit breaker: a gateway that is down is left alone, and never taken for a "no".

After `BREAKER_UNKNOWNS` calls in a row without a trustworthy answer, further calls are
`Unknown` at once: the payment is being checked, nobody waits six seconds to learn that. Every
few seconds one call is let through as a probe, whoever asks (usually a poll or the sweep); the
first answer closes the breaker. A method whose gateway is down is not offered until
`BREAKER_SECONDS` after the last failed probe.

Each process decides for itself; through Redis they tell each other, as a courtesy.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TypeVar

from django.conf import settings

from payments import registry
from payments.gateways import base
from shop import courtesy, metrics
from shop.logs import get_logger

log = get_logger(__name__)
T = TypeVar("T")

#: The others' word is asked for this often at most: no call pays for a look at Redis.
HEARD_SECONDS = 1.0
DOWN, UP = "down", "up"


class Held(base.Unknown):
    """The breaker is open: nothing was sent, and nothing is known."""


@dataclass
class Breaker:
    """One gateway as this process sees it; times are monotonic seconds."""

    gateway: str
    in_a_row: list[float] = field(default_factory=list)
    failed_at: float | None = None  # open since the last failure, until somebody is answered
    probe_from: float = 0.0
    heard_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_down(self) -> bool:
        """Nothing new should begin there now; after a while without failure it may again."""
        self._listen()
        return self.failed_at is not None and self.retry_after_seconds > 0

    @property
    def retry_after_seconds(self) -> int:
        """Whole seconds until a start may try again."""
        if self.failed_at is None:
            return 0
        left = self.failed_at + settings.BREAKER_SECONDS - time.monotonic()
        return max(0, -int(-left // 1))

    def admit(self) -> None:
        """Let a call go, or raise Held. An open breaker lets one pass in a while."""
        self._listen()
        with self._lock:
            if self.failed_at is None:
                return
            now = time.monotonic()
            if now < self.probe_from:
                raise Held("the gateway is down; left alone for a moment")
            self.probe_from = now + settings.BREAKER_PROBE_SECONDS
        mine = courtesy.add(self._name("probe"), 1, seconds=settings.BREAKER_PROBE_SECONDS)
        if mine is False:
            raise Held("the gateway is down; another process is looking")

    def answered(self) -> None:
        """A trustworthy answer, yes or no: all is well."""
        with self._lock:
            self.in_a_row.clear()
            was_open, self.failed_at = self.failed_at is not None, None
        if was_open:
            courtesy.put(self._name("word"), UP, seconds=settings.BREAKER_SECONDS)
            courtesy.drop(self._name("probe"))
            self._show()
            log.info("payments.breaker.closed", gateway=self.gateway)

    def unanswered(self) -> None:
        """No trustworthy answer: one more in a row, within the window."""
        now = time.monotonic()
        with self._lock:
            since = now - settings.BREAKER_WINDOW_SECONDS
            self.in_a_row = [at for at in self.in_a_row if at > since] + [now]
            was_open = self.failed_at is not None
            if not was_open and len(self.in_a_row) < settings.BREAKER_UNKNOWNS:
                return
            self._open(now)
        courtesy.put(self._name("word"), DOWN, seconds=settings.BREAKER_SECONDS)
        if not was_open:
            self._show()
            log.warning("payments.breaker.opened", gateway=self.gateway)

    def _open(self, now: float) -> None:
        self.failed_at, self.probe_from = now, now + settings.BREAKER_PROBE_SECONDS

    def _listen(self) -> None:
        """Another process found the gateway down, or up again."""
        now = time.monotonic()
        if now - self.heard_at < HEARD_SECONDS:
            return
        self.heard_at = now
        word = courtesy.get(self._name("word"))
        if word == DOWN and self.failed_at is None:
            with self._lock:
                self._open(now)
        elif word == UP and self.failed_at is not None:
            with self._lock:
                self.in_a_row, self.failed_at = [], None
        self._show()

    def _show(self) -> None:
        metrics.breaker_open.labels(self.gateway).set(self.failed_at is not None)

    def _name(self, what: str) -> str:
        return f"breaker:{what}:{self.gateway}"


@cache
def breaker(gateway: str) -> Breaker:
    """This process' breaker of a gateway."""
    metrics.breaker_open.labels(gateway).set(0)
    return Breaker(gateway)


def is_down(gateway: str) -> bool:
    """Whether nothing new should begin at this gateway now."""
    return breaker(gateway).is_down()


def statement(gateway: str, day: date) -> Sequence[base.StatementRow]:
    """A day's statement, behind the breaker. Raises Unknown, then nothing is known of the day.

    It waits while the gateway is down; where nobody has asked for a while, as at night, it is
    the probe. Its silence alone opens nothing: a gateway may sell on while it cannot report.
    """
    if is_down(gateway):
        metrics.gateway_answers.labels(gateway, "statement", "held").inc()
        raise Held("the gateway is down; its statement can wait")
    return call(gateway, "statement", lambda gate: gate.statement(day), may_open=False)


def call(
    gateway: str, operation: str, question: Callable[[base.Gateway], T], *, may_open: bool = True
) -> T:
    """Ask a gateway, measured and behind its breaker. Raises Unknown and Refused."""
    mine = breaker(gateway)
    answers = metrics.gateway_answers
    try:
        mine.admit()
    except Held:
        answers.labels(gateway, operation, "held").inc()
        raise
    began = time.monotonic()
    try:
        answer = question(registry.gateway(gateway))
    except base.Unknown:
        if may_open or mine.failed_at is not None:
            mine.unanswered()
        answers.labels(gateway, operation, "unknown").inc()
        raise
    except base.Refused:
        mine.answered()
        answers.labels(gateway, operation, "refused").inc()
        raise
    finally:
        took = time.monotonic() - began
        metrics.gateway_seconds.labels(gateway, operation).observe(took)
    mine.answered()
    answers.labels(gateway, operation, "answered").inc()
    return answer
