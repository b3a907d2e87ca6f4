"""What happened to an order's payments, in one line of time."""

from dataclasses import dataclass
from datetime import datetime

from payments.models import Notification, Payment, ReviewCase
from shop.models import StateChange


@dataclass(frozen=True)
class Entry:
    """One thing that happened: when, to whom, what, and by whom or why."""

    at: datetime
    subject: str
    event: str
    detail: str


def timeline(order_reference: str) -> list[Entry]:
    """Steps, notifications and review cases of an order reference, oldest first."""
    references = list(
        Payment.objects.filter(intent__order_reference=order_reference).values_list(
            "reference", flat=True
        )
    )
    entries = [_step(s) for s in StateChange.objects.filter(order_reference=order_reference)]
    entries += [_notice(n) for n in Notification.objects.filter(reference__in=references)]
    entries += [_case(c) for c in ReviewCase.objects.filter(order_reference=order_reference)]
    return sorted(entries, key=lambda entry: entry.at)


def _step(step: StateChange) -> Entry:
    event = f"{step.from_state} → {step.to_state}" if step.from_state else step.to_state
    detail = ", ".join(part for part in (step.source, step.actor, step.reason) if part)
    return Entry(step.at, f"{step.subject} {step.subject_reference}", event, detail)


def _notice(notice: Notification) -> Entry:
    became = notice.result or "waiting"
    return Entry(
        notice.received_at,
        f"payment {notice.reference}",
        f"notification {notice.kind}",
        f"{notice.notification_id}: {became} after {notice.tries} tries",
    )


def _case(case: ReviewCase) -> Entry:
    closed = f"resolved by {case.resolved_by}" if case.resolved_at else "open"
    return Entry(case.opened_at, case.subject, f"review case: {case.get_kind_display()}", closed)
