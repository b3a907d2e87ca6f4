"""Stripe's words in ours. Pure: every shape that was not promised is a ValueError, KeyError or
TypeError, which the adapter turns into `Unknown`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from payments.gateways import base
from payments.gateways.stripe_forms import to_minor
from payments.gateways.wire import text, whole

CODE = re.compile(r"[a-z0-9_]{1,60}", re.ASCII)
CURRENCY = re.compile(r"[a-z]{3}", re.ASCII)
URL = re.compile(r"https?://[!-~]{1,2000}", re.ASCII)
SECRET = re.compile(r"[A-Za-z0-9_-]{10,300}", re.ASCII)
MODES = ("cs_test_", "cs_live_")
# The final no to a request; other statuses say that something is wrong here or there.
FINAL = {400: "invalid_request_error", 402: "card_error"}
# Stripe's API reference, "the PaymentIntent object". `requires_capture` is left out: it comes
# only where somebody asked for a capture by hand, which we never do.
STATES = {
    "requires_payment_method": base.State.PENDING,
    "requires_confirmation": base.State.PENDING,
    "requires_action": base.State.PENDING,
    "processing": base.State.PENDING,
    "canceled": base.State.CLOSED,
    "succeeded": base.State.CAPTURED,
}
REFUND_STATES = {
    "pending": base.RefundState.PENDING,
    "requires_action": base.RefundState.PENDING,
    "succeeded": base.RefundState.DONE,
    "failed": base.RefundState.FAILED,
    "canceled": base.RefundState.FAILED,
}
#: The note of a payment whose money is on its way: it can be neither cancelled nor paid again.
PROCESSING = "processing"


def accepted(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of a request that was done; raises Refused or Unknown otherwise."""
    if status < 300:
        return answer
    code, kind = error_of(answer)
    if FINAL.get(status) == kind:
        raise base.Refused(code or kind)
    raise base.Unknown(f"HTTP {status} {code or kind}")


def error_of(answer: dict[str, Any]) -> tuple[str, str]:
    """Its code and its type; never its message, which repeats what was sent."""
    error = answer.get("error")
    if not isinstance(error, dict):
        return "", ""
    return _code(error.get("code")), _code(error.get("type"))


def within(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under a name, empty where there is none; ValueError for anything else."""
    value = told.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def is_missing(status: int, answer: dict[str, Any]) -> bool:
    """Stripe itself says that it does not know the object."""
    return status == 404 and error_of(answer)[0] == "resource_missing"


def short_id(session_id: object) -> str:
    """A session's id is 66 characters long and its column 64: the mode goes by the key anyway."""
    for mode in MODES:
        if isinstance(session_id, str) and session_id.startswith(mode):
            return text("cs_" + session_id.removeprefix(mode))
    raise ValueError("not a session's id")


def long_id(gateway_id: str, *, live: bool) -> str:
    """The id as Stripe gave it."""
    return MODES[live] + gateway_id.removeprefix("cs_")


def intent(
    told: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]], public_key: str
) -> base.Snapshot:
    """A PaymentIntent with its charge and refunds."""
    state = STATES[told["status"]]
    words = within(told, "metadata")
    shown = _presented(told, public_key) if state is base.State.PENDING else None
    ends = _voucher(told)
    return base.Snapshot(
        state=state,
        gateway_id=text(told["id"]),
        reference=text(words["reference"]),
        merchant=text(words["shop"]),
        order_reference=text(words.get("order_reference", "")),
        method=text(words.get("method", "")),
        captures=(_capture(told, refunds),) if state is base.State.CAPTURED else (),
        refunds=tuple(_refund_fact(row) for row in refunds),
        presentation=shown,
        expires_at=unix(ends["expires_at"]) if ends else None,
        note=_note(told),
    )


def session(told: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]]) -> base.Snapshot:
    """A hosted page, and the PaymentIntent that the shopper's first try there made."""
    inner = told["payment_intent"]
    paid = intent(inner, refunds, "") if inner is not None else None
    words, status = within(told, "metadata"), told["status"]
    state = {"open": base.State.PENDING, "complete": base.State.PENDING,
             "expired": base.State.CLOSED}[status]  # fmt: skip
    if paid is not None and paid.state is base.State.CAPTURED:
        state = base.State.CAPTURED
    elif status == "complete" and paid is not None and paid.state is base.State.CLOSED:
        state = base.State.CLOSED
    url = told["url"] if status == "open" else None
    return base.Snapshot(
        state=state,
        gateway_id=short_id(told["id"]),
        reference=text(words["reference"]),
        merchant=text(words["shop"]),
        order_reference=text(words.get("order_reference", "")),
        method=text(words.get("method", "")),
        captures=paid.captures if paid else (),
        refunds=paid.refunds if paid else (),
        presentation=base.Presentation("redirect", {"url": _match(URL, url)}) if url else None,
        expires_at=unix(told["expires_at"]),
        note=paid.note if paid else "",
    )


def charge_of(told: Mapping[str, Any] | None) -> str:
    """The charge that took a PaymentIntent's money, or nothing."""
    if not told or told["status"] != "succeeded":
        return ""
    return text(told["latest_charge"]["id"])


def refund(told: Mapping[str, Any]) -> base.RefundSnapshot:
    """A refund as Stripe shows it."""
    currency = _match(CURRENCY, told["currency"]).upper()
    return base.RefundSnapshot(
        state=REFUND_STATES[told["status"]],
        gateway_id=text(told["id"]),
        amount_minor=to_minor(whole(told["amount"]), currency),
        currency=currency,
    )


def refund_reference(told: Mapping[str, Any]) -> str:
    """Ours, or for one made at Stripe's desk what fits of its id."""
    return text(within(told, "metadata").get("reference") or text(told["id"])[-24:])


def unix(value: object) -> datetime:
    """Seconds since 1970 as a time, or ValueError."""
    try:
        return datetime.fromtimestamp(whole(value), UTC)
    except (OverflowError, OSError):
        raise ValueError("a time outside of the calendar") from None


def movement(
    told: Mapping[str, Any], source: Mapping[str, Any], reference: str
) -> base.StatementRow:
    """A line of the balance; the money is the source's, the fee the line's where it is alike."""
    is_refund = source["object"] == "refund"
    currency = _match(CURRENCY, source["currency"]).upper()
    amount = source["amount"] if is_refund else source["amount_captured"]
    # The balance may be kept in another currency than the shopper paid in.
    fee = whole(told["fee"]) if told["currency"] == source["currency"] else 0
    return base.StatementRow(
        kind="refund" if is_refund else "charge",
        reference=text(reference),
        refund_reference=refund_reference(source) if is_refund else "",
        transaction_id=text(source["charge"] if is_refund else source["id"]),
        amount_minor=to_minor(whole(amount), currency),
        currency=currency,
        at=unix(told["created"]),
        fee_minor=to_minor(fee, currency) if fee else 0,
    )


def _capture(told: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]]) -> base.Capture:
    charge = told["latest_charge"]
    if charge["status"] != "succeeded" or charge["captured"] is not True:
        raise ValueError("succeeded, but its charge took no money")
    if charge["payment_intent"] != told["id"]:
        raise ValueError("a charge of another payment")
    currency = _match(CURRENCY, charge["currency"]).upper()
    # Taken at once it is taken whole; only newer versions say so with a figure of its own.
    taken = charge["amount_captured"] if "amount_captured" in charge else charge["amount"]
    amount = to_minor(whole(taken), currency)
    if amount <= 0:
        raise ValueError("not an amount")
    done = [refund(row) for row in refunds]
    return base.Capture(
        transaction_id=text(charge["id"]),
        amount_minor=amount,
        currency=currency,
        captured_at=unix(charge["created"]),
        refunded_minor=sum(r.amount_minor or 0 for r in done if r.state is base.RefundState.DONE),
    )


def _refund_fact(told: Mapping[str, Any]) -> base.RefundFact:
    shown = refund(told)
    return base.RefundFact(
        reference=refund_reference(told),
        transaction_id=text(told["charge"]),
        amount_minor=whole(shown.amount_minor),
        state=shown.state,
    )


def _presented(told: Mapping[str, Any], public_key: str) -> base.Presentation | None:
    if shown := _voucher(told):
        number = text(shown["number"])
        content = {"url": _match(URL, shown["hosted_voucher_url"]), "number": number,
                   "expires_at": unix(shown["expires_at"]).isoformat()}  # fmt: skip
        return base.Presentation("voucher", content)
    if within(told, "metadata").get("method") != "card":
        return None
    token = _match(SECRET, told["client_secret"])
    content = {"provider": "stripe", "public_key": public_key, "client_token": token}
    return base.Presentation("embedded", content, ("client_token",))


def _voucher(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return within(within(told, "next_action"), "boleto_display_details")


def _note(told: Mapping[str, Any]) -> str:
    if told["status"] == "processing":
        return PROCESSING
    error = within(told, "last_payment_error")
    if not error or told["status"] == "succeeded":
        return ""
    return _code(error.get("decline_code")) or _code(error.get("code")) or "declined"


def _code(value: object) -> str:
    return value if isinstance(value, str) and CODE.fullmatch(value) else ""


def _match(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not of the agreed form")
    return value
