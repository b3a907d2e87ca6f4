"""What happened to an order's payments, in one line of time: who, what, when, how long."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from payments.models import Notification, Payment, Refund, ReviewCase
from shop.models import StaffAction, StateChange

M = TypeVar("M", bound=Model)
#: Of each kind so many entries at most; an order that has more is shown its newest.
ENTRIES_MAX = 300
#: Calls to a gateway that are about a refund.
OF_REFUNDS = ("refund", "query_refund")
#: So much of a notification's body is shown.
BODY_BYTES_MAX = 8192


@dataclass(frozen=True)
class Entry:
    """One thing that happened: when, of which kind, to whom, what, and by whom or why."""

    at: datetime
    kind: str
    subject: str
    event: str
    detail: str = ""
    raw: str = ""


def timeline(order_reference: str) -> list[Entry]:
    """Steps, calls, notifications, cases and acts of staff of an order reference, oldest first."""
    return sorted(_entries(order_reference), key=lambda entry: entry.at)


def _entries(order_reference: str) -> Iterator[Entry]:
    payments = Payment.objects.filter(intent__order_reference=order_reference)
    refunds = Refund.objects.filter(payment__in=payments)
    mine = {"order_reference": order_reference}
    told = Q(reference__in=list(payments.values_list("reference", flat=True)))
    told |= Q(refund_reference__in=list(refunds.values_list("reference", flat=True)))
    for step in _newest(StateChange.objects.filter(**mine)):
        yield _call(step) if step.subject == "call" else _step(step)
    for notice in _newest(Notification.objects.filter(told)):
        yield _notice(notice)
    for case in _newest(ReviewCase.objects.filter(**mine).select_related("resolved_by")):
        yield from _case(case)
    for act in _newest(StaffAction.objects.filter(**mine).select_related("actor")):
        yield _act(act)


def _newest(rows: QuerySet[M]) -> list[M]:
    """The newest rows, oldest first: what has the same time stays in the order it was written."""
    return list(rows.order_by("-id")[:ENTRIES_MAX])[::-1]


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _step(step: StateChange) -> Entry:
    event = f"{step.from_state} → {step.to_state}" if step.from_state else step.to_state
    subject = f"{step.subject} {step.subject_reference}"
    return Entry(step.at, "state", subject, event, _joined(step.source, step.actor, step.reason))


def _call(step: StateChange) -> Entry:
    asked_in = step.detail.get("request", "")
    asker = _joined(step.source, step.actor, step.reason, asked_in and f"request {asked_in}")
    took = step.detail.get("milliseconds")
    event = f"{step.from_state}: {step.to_state}"
    event += "" if took is None else f" after {took} ms"
    kind = "poll" if step.source in ("poll", "sweep") else "gateway call"
    subject = "refund" if step.from_state in OF_REFUNDS else "payment"
    return Entry(step.at, kind, f"{subject} {step.subject_reference}", event, asker)


def _notice(notice: Notification) -> Entry:
    became = notice.result or "waiting"
    tries = "try" if notice.tries == 1 else "tries"
    return Entry(
        notice.received_at,
        "callback",
        f"refund {notice.refund_reference}"
        if notice.refund_reference
        else f"payment {notice.reference}",
        f"notification {notice.kind}",
        f"{notice.notification_id}: {became} after {notice.tries} {tries}",
        raw=bytes(notice.body[:BODY_BYTES_MAX]).decode(errors="replace"),
    )


def _case(case: ReviewCase) -> Iterator[Entry]:
    what = str(case.get_kind_display())
    yield Entry(case.opened_at, "review case", case.subject, f"review case: {what}")
    if case.resolved_at is not None:
        by = case.resolved_by.get_username() if case.resolved_by else ""
        yield Entry(
            case.resolved_at,
            "review case",
            case.subject,
            f"resolved: {what}",
            _joined(by, case.resolution),
        )


def _act(act: StaffAction) -> Entry:
    shown = _joined(*(f"{name} {value}" for name, value in act.detail.items() if value != ""))
    return Entry(
        act.at,
        "staff",
        act.subject,
        act.action,
        _joined(act.actor.get_username(), act.reason, shown),
    )
