"""Razorpay's webhooks: HMAC-SHA256 in hexadecimal over the raw body, named by a header."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways.razorpay_answers import ID, matching, moment, noted
from payments.gateways.wire import parse_json, text

SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
EVENT_ID = re.compile(r"[A-Za-z0-9_-]{6,80}", re.ASCII)
NAME = re.compile(r"[a-z_]{1,20}(\.[a-z_]{1,20}){1,2}", re.ASCII)
BODY_BYTES_MAX = 64 * 1024
# Repeated for 24 hours, and by hand from the dashboard for up to seven days (documentation).
OLDEST = timedelta(days=8)
CLOCKS_APART_MAX = timedelta(minutes=5)
KINDS = {
    "payment.captured": "payment.paid",
    "order.paid": "payment.paid",
    "payment_link.paid": "payment.paid",
    "payment.dispute.created": "payment.disputed",
}


def check(request: base.RawRequest, secrets: Sequence[str]) -> None:
    """Raises NotificationRefused unless one of the secrets signed exactly these bytes."""
    if len(request.body) > BODY_BYTES_MAX:
        raise base.NotificationRefused(400, "too large")
    told = request.headers.get("x-razorpay-signature", "")
    if not SIGNATURE.fullmatch(told):
        raise base.NotificationRefused(401, "bad signature")
    digests = [hmac.new(s.encode(), request.body, hashlib.sha256).hexdigest() for s in secrets]
    # Every secret is compared, so that the time tells nothing about which one fits.
    if not sum(hmac.compare_digest(told, digest) for digest in digests):
        raise base.NotificationRefused(401, "bad signature")


def hints(
    request: base.RawRequest, *, merchant: str, now: datetime
) -> Sequence[base.NotificationHint]:
    """Whom a genuine event is about; nobody where it is about something else of the account."""
    try:
        event = parse_json(request.body)
        if event["account_id"] != merchant:
            raise base.NotificationRefused(401, "another merchant")
        made = moment(event["created_at"])
        if not now - OLDEST <= made <= now + CLOCKS_APART_MAX:
            raise base.NotificationRefused(400, "stale")
        name = matching(request.headers.get("x-razorpay-event-id"), EVENT_ID)
        hint = _hint(name, matching(event["event"], NAME), event["payload"])
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise base.NotificationRefused(400, "malformed") from problem
    return [hint] if hint.reference or hint.refund_reference or hint.gateway_id else []


def _hint(name: str, kind: str, payload: Mapping[str, Any]) -> base.NotificationHint:
    told = {part: _entity(payload, part) for part in ("payment_link", "order", "payment", "refund")}
    payment, refund = told["payment"], told["refund"]
    reference = (
        text(told["payment_link"].get("reference_id") or "")
        or text(told["order"].get("receipt") or "")
        or noted(payment, "reference")
        or noted(refund, "payment_reference")
    )
    # A payment names its order only; our reference is in its notes where the page gave them.
    own = told["payment_link"].get("id") or told["order"].get("id") or payment.get("order_id")
    return base.NotificationHint(
        notification_id=name,
        kind=KINDS.get(kind, kind),
        reference=reference,
        refund_reference=text(refund.get("receipt") or ""),
        gateway_id=matching(own, ID) if own else "",
    )


def _entity(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    told = payload.get(name)
    if told is None:
        return {}
    entity = told["entity"]
    if not isinstance(entity, dict):
        raise ValueError("not an entity")
    return entity
