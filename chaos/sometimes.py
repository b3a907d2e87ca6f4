"""What must have happened at least so often: a storm that hit nothing proves nothing.

The floors are for 10,000 orders and shrink with the run; a run of 10,000 or more that stays
below one has failed.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaos.house import House

if TYPE_CHECKING:
    from chaos.drill import Outcome

FLOOR_ORDERS = 10_000

LATE = """
SELECT count(DISTINCT o.id) FROM orders_order o
JOIN payments_paymentintent i ON i.order_reference = o.number
JOIN payments_payment p ON p.intent_id = i.id
WHERE o.cancel_reason = %s AND p.captured_at > o.cancel_wanted_at
"""
SURPLUS = "SELECT count(*) FROM payments_refund WHERE kind = 'surplus'"
ANSWER_LOST = """
SELECT count(*) FROM shop_statechange c JOIN payments_payment p ON p.reference = c.subject_reference
WHERE c.subject = 'call' AND c.to_state = 'unknown' AND p.captured_at < c.at
"""
#: Before the answer to our own create was written down.
NOTICE_FIRST = """
SELECT count(DISTINCT p.id) FROM payments_payment p
JOIN payments_notification n ON n.reference = p.reference
WHERE n.received_at < (SELECT min(c.at) FROM shop_statechange c WHERE c.subject = 'call'
    AND c.from_state = 'create' AND c.subject_reference = p.reference)
"""
NOTICE_AFTER_REFUND = """
SELECT count(DISTINCT n.id) FROM payments_notification n
JOIN payments_payment p ON p.reference = n.reference
JOIN payments_refund r ON r.payment_id = p.id
WHERE n.kind LIKE 'payment.%%' AND n.received_at > r.created_at
"""
ABSENT_THEN_PAID = """
SELECT count(DISTINCT p.id) FROM shop_statechange c
JOIN payments_payment p ON p.reference = c.subject_reference
WHERE c.subject = 'call' AND c.to_state = 'not found' AND p.captured_minor > 0
"""
REFUND_SENT_AGAIN = "SELECT count(*) FROM payments_refund WHERE send_count > 1"
WRONG_AMOUNT = "SELECT count(*) FROM payments_reviewcase WHERE kind = 'wrong_amount'"
RECORDED_AT = """
SELECT p.captured_at, min(c.at) FROM payments_payment p JOIN shop_statechange c
    ON c.subject_reference = p.reference AND c.to_state IN ('captured', 'surplus')
WHERE c.subject = 'payment' GROUP BY p.id
"""
GIVES_UP = {"declined", "closed", "absent"}


@dataclass(frozen=True)
class Sometimes:
    """One thing that must have happened, how often it did, and its floor for this run."""

    what: str
    count: int
    floor: int

    @property
    def reached(self) -> bool:
        return self.count >= self.floor


def count_all(house: House, outcome: "Outcome") -> list[Sometimes]:
    """Count in our rows, the bank's own counts and the shoppers' records, while they are there."""

    def rows(sql: str, *values: Any) -> int:
        ((count,),) = house.primary.ask(sql, *values)
        return int(count)

    struck, orders = outcome.struck, len(outcome.visits)
    counted: list[tuple[str, int, int]] = [
        ("money after the shopper cancelled", rows(LATE, "shopper"), 50),
        ("money after the order ran out", rows(LATE, "expired"), 50),
        ("a second capture, sent back by itself", rows(SURPLUS), 20),
        ("an answer lost after the money was taken", rows(ANSWER_LOST), 500),
        ("a notification before the answer", rows(NOTICE_FIRST), 200),
        ("a notification after a refund", rows(NOTICE_AFTER_REFUND), 20),
        ("a notification twice", struck.get("duplicate_notification", 0), 1000),
        ("a notification lost", struck.get("lose_notification", 0), 1000),
        ("not found, then captured", rows(ABSENT_THEN_PAID), 50),
        ("a SIGKILL between a capture and our commit", _killed_between(house, outcome), 30),
        ("a stale verdict refused", _stale_verdicts(house), 5),
        ("a commit whose answer was lost", outcome.counts.get("commit answers lost", 0), 5),
        ("a refund whose answer was lost", rows(REFUND_SENT_AGAIN), 50),
        ("two of the staff at once", sum(v["collisions"] for v in outcome.visits), 50),
        ("a wrong amount refused", rows(WRONG_AMOUNT), 20),
    ]
    found = [Sometimes(what, n, math.floor(floor * orders / FLOOR_ORDERS))
             for what, n, floor in counted]  # fmt: skip
    if outcome.options.failover == "async":
        found.append(Sometimes("a payment adopted after lost commits", outcome.adopted, 1))
    return found


def _killed_between(house: House, outcome: "Outcome") -> int:
    """Kills of a process that records, while a capture stood in the bank's ledger and not here."""
    spans = [(a.timestamp(), b.timestamp()) for a, b in house.primary.ask(RECORDED_AT) if a]
    return sum(any(began < at < ended for began, ended in spans) for at in outcome.killed_at)


def _stale_verdicts(house: House) -> int:
    """Give-up verdicts that were not written, because the request had been sent again meanwhile."""
    return sum(
        event.get("event") == "payments.outcome.recorded"
        and event.get("move") == "watch"
        and event.get("outcome") in GIVES_UP
        for event in log_events(house, lambda line: '"watch"' in line)
    )


def log_events(house: House, wanted: Callable[[str], bool]) -> list[dict[str, Any]]:
    """The shop's own log lines that are wanted, read as JSON, in the order of time."""
    events = []
    for log in sorted(house.logs.glob("*.log")):
        with log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if wanted(line) and line.startswith("{"):
                    try:
                        events.append({"process": log.stem, **json.loads(line)})
                    except ValueError:
                        continue  # a SIGKILL cut this line
    return sorted(events, key=lambda event: str(event.get("timestamp", "")))
