"""The joined history of one order: the shopper, our rows, the bank's ledger and the logs."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chaos.house import House
from chaos.sometimes import log_events

if TYPE_CHECKING:
    from chaos.drill import Outcome

STEPS = """
SELECT extract(epoch FROM at), subject, subject_reference, from_state, to_state, source, reason
FROM shop_statechange WHERE order_reference = %s ORDER BY id
"""
PAYMENTS = """
SELECT p.reference, p.method, p.state, p.role, p.send_count, p.captured_minor, p.refunded_minor,
    p.refund_pending_minor, p.last_error
FROM payments_payment p JOIN payments_paymentintent i ON i.id = p.intent_id
WHERE i.order_reference = %s ORDER BY p.id
"""
NOTICES = """
SELECT extract(epoch FROM received_at), kind, reference, result FROM payments_notification
WHERE reference = ANY(%s) ORDER BY id
"""
EVENTS_MAX = 400


def tell(house: House, outcome: "Outcome", number: str) -> list[str]:
    """Everything that is known of an order, in the order of time, one line each."""
    visit = next((v for v in outcome.visits if v["number"] == number), None)
    payments = house.primary.ask(PAYMENTS, number)
    references = {str(row[0]) for row in payments} | set(visit["references"] if visit else ())
    lines: list[tuple[float, str]] = []
    if visit:
        lines += [(at, f"shopper  {what} {status or 'no answer'} after {ms} ms")
                  for what, at, ms, status in visit["asked"]]  # fmt: skip
    for at, subject, reference, before, after, source, reason in house.primary.ask(STEPS, number):
        step = f"{subject} {reference}: {before or 'nothing'} to {after} by {source} {reason}"
        lines.append((float(at), f"rows     {step}"))
    lines += [
        (float(at), f"notice   {kind} {reference}: {result}")
        for at, kind, reference, result in house.primary.ask(NOTICES, sorted(references))
    ]
    lines += [
        (moment(m["at"]), f"bank     {m['kind']} {m['amount_minor']} {m['reference']}")
        for m in outcome.movements
        if m["reference"] in references
    ]
    lines += _from_logs(house, references | {number})
    told = [f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}  {line}" for at, line in sorted(lines)]
    standing = [f"  now      payment {' '.join(map(str, row))}" for row in payments]
    scenario = f"{number}: {visit['scenario'] if visit else 'unknown to the shoppers'}"
    return [scenario, *told[:EVENTS_MAX], *standing]


def _from_logs(house: House, names: set[str]) -> list[tuple[float, str]]:
    events = log_events(house, lambda line: any(name in line for name in names))
    return [(moment(event["timestamp"]), f"log      {_short(event)}") for event in events]


def _short(event: dict[str, Any]) -> str:
    left_out = {"timestamp", "level", "logger", "event", "process"}
    rest = " ".join(f"{k}={v}" for k, v in event.items() if k not in left_out)
    return f"{event['process']} {event.get('event')} {rest}"[:300]


def moment(text: str) -> float:
    """An RFC 3339 time as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()
