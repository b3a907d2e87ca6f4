"""Stripe's webhooks: `t=<unix>,v1=<hex>[,v1=<hex>…]` over "<t>.<raw body>", and whom they name."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from payments.gateways import base
from payments.gateways import stripe_answers as answers
from payments.gateways.signatures import TOLERANCE_SECONDS
from payments.gateways.wire import parse_json, text

HEADER = "stripe-signature"
# An event carries a whole object; a charge with everything in it is some 20 KB.
BODY_BYTES_MAX = 256 * 1024
# While secrets are rolled each of them signs; more than a handful is noise.
SIGNATURES_MAX = 16
_TIME = re.compile(r"t=([0-9]{1,12})", re.ASCII)
_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})", re.ASCII)
_EVENT = re.compile(r"evt_[A-Za-z0-9_]{1,90}", re.ASCII)
_KIND = re.compile(r"[a-z_]{1,30}(?:\.[a-z_]{1,14}){1,2}", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{6,40}", re.ASCII)
# A dispute names only its charge; who decides it is a person.
_KINDS = {"charge.dispute.created": "payment.disputed"}


def verify(header: str, body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Raises NotificationRefused unless one of our secrets signed this body just now."""
    items = header.split(",")
    times = [found[1] for item in items if (found := _TIME.fullmatch(item))]
    given = [found[1] for item in items if (found := _SIGNATURE.fullmatch(item))]
    if len(times) != 1 or not 0 < len(given) <= SIGNATURES_MAX:
        raise base.NotificationRefused(401, "bad signature")
    signed = times[0].encode() + b"." + body
    expected = [hmac.new(s.encode(), signed, hashlib.sha256).hexdigest() for s in secrets]
    # Every pair is compared, so that the time tells nothing about which one fits.
    genuine = sum(hmac.compare_digest(one, other) for one in given for other in expected)
    if not genuine:
        raise base.NotificationRefused(401, "bad signature")
    # Both ways: Stripe's own library lets any future time pass.
    if abs(now.timestamp() - int(times[0])) > TOLERANCE_SECONDS:
        raise base.NotificationRefused(400, "stale signature")


def hints(body: bytes, *, shop: str, live: bool) -> list[base.NotificationHint]:
    """Whom a verified event is about; nobody, where it is another program's on the account."""
    event = parse_json(body)
    if event["object"] != "event" or event["livemode"] is not live:
        raise base.NotificationRefused(401, "another mode")
    kind = _match(_KIND, event["type"])
    about = answers.within(answers.within(event, "data"), "object")
    hint = _hint(_match(_EVENT, event["id"]), _KINDS.get(kind, kind), about)
    words = answers.within(about, "metadata")
    ours = words.get("shop") == shop and hint.reference
    return [hint] if ours or hint.kind == "payment.disputed" else []


def _hint(event_id: str, kind: str, about: Mapping[str, Any]) -> base.NotificationHint:
    words = answers.within(about, "metadata")
    if about["object"] == "refund":
        return base.NotificationHint(
            event_id, kind, _reference(words.get("payment_reference")),
            _reference(words.get("reference")),
        )  # fmt: skip
    ids = {
        "payment_intent": lambda: text(about["id"]),
        "checkout.session": lambda: answers.short_id(about["id"]),
    }
    gateway_id = ids.get(about["object"], lambda: "")()
    reference = _reference(words.get("reference"))
    return base.NotificationHint(event_id, kind, reference, gateway_id=gateway_id)


def _reference(value: object) -> str:
    return "" if value is None else _match(_REFERENCE, value)


def _match(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not of the agreed form")
    return value
