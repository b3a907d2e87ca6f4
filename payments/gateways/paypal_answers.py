"""PayPal's words in ours. Pure: every shape that was not promised is a ValueError, KeyError or
TypeError, which the adapter turns into `Unknown`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from payments.gateways import base
from payments.gateways.decimals import minor_digits, rescaled
from payments.gateways.wire import moment, text

# PayPal's documentation, currency codes: those it takes, and those without decimals there.
CODES = """AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD
    THB TWD USD"""
CURRENCIES = frozenset(CODES.split())
WITHOUT_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
VALUE = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,3}))?", re.ASCII)
ISSUE = re.compile(r"[A-Z0-9_]{1,60}", re.ASCII)
URL = re.compile(r"https?://[!-~]{1,2000}", re.ASCII)
# Our own references, which tell our movements from others on the account.
OURS = re.compile(r"[0-9A-Z]{26}", re.ASCII)
OPEN = frozenset({"CREATED", "SAVED", "PAYER_ACTION_REQUIRED"})
TAKEN = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
NOT_TAKEN = frozenset({"DECLINED", "FAILED"})
REFUND_STATES = {
    "PENDING": base.RefundState.PENDING,
    "COMPLETED": base.RefundState.DONE,
    "FAILED": base.RefundState.FAILED,
    "CANCELLED": base.RefundState.FAILED,
}
# A no that says nothing about money: another request of ours may have taken or be taking it.
UNDECIDED = frozenset(
    {
        "DUPLICATE_INVOICE_ID",
        "DUPLICATE_REQUEST_ID",
        "PAYPAL_REQUEST_ID_PREVIOUSLY_USED",
        "PREVIOUS_REQUEST_IN_PROGRESS",
        "RESOURCE_CONFLICT",
        "INTERNAL_SERVICE_ERROR",
        "RATE_LIMIT_REACHED",
    }
)
#: The note of a payment whose capture PayPal has accepted and not yet decided (an eCheck).
CAPTURE_PENDING = "capture_pending"


def accepted(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of a request that was done; raises Refused or Unknown otherwise."""
    if status < 300:
        return answer
    issue = issue_of(answer)
    if status in (400, 422) and issue and issue not in UNDECIDED:
        raise base.Refused(issue)
    raise base.Unknown(f"HTTP {status} {issue}")


def issue_of(answer: Mapping[str, Any]) -> str:
    """What is wrong, as a word; never its description, which repeats what was sent."""
    details = answer.get("details")
    first = details[0] if isinstance(details, list) and details else {}
    told = first.get("issue") if isinstance(first, dict) else None
    return _word(told) or _word(answer.get("name"))


def within(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under a name, empty where there is none; ValueError for anything else."""
    value = told.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def rows(told: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The objects listed under a name, none where there is no list."""
    value = told.get(name) or []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ValueError("not a list of objects")
    return value


def to_money(amount_minor: int, currency: str) -> dict[str, str]:
    """`{"currency_code": "EUR", "value": "12.34"}`; Refused where it cannot be said exactly."""
    digits = 0 if currency in WITHOUT_DECIMALS else 2
    try:
        units = rescaled(amount_minor, digits=minor_digits(currency), wanted=digits)
    except ValueError:
        units = 0
    if units <= 0 or currency not in CURRENCIES:
        raise base.Refused("amount_not_representable")
    whole, rest = divmod(units, 100) if digits else (units, 0)
    value = f"{whole}.{rest:02}" if digits else str(whole)
    return {"currency_code": currency, "value": value}


def to_minor(told: Mapping[str, Any]) -> tuple[int, str]:
    """Amount in the shop's units, and currency; ValueError where it does not fit."""
    currency = told["currency_code"]
    found = VALUE.fullmatch(told["value"])
    if found is None or not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        raise ValueError("not an amount of money")
    sign, whole, fraction = found[1], found[2], found[3] or ""
    amount = rescaled(int(whole + fraction), digits=len(fraction), wanted=minor_digits(currency))
    return (-amount if sign else amount), currency


def checkout(told: Mapping[str, Any]) -> base.Snapshot:
    """An order with its captures and refunds. COMPLETED alone does not mean paid."""
    (unit,) = rows(told, "purchase_units")
    payments = within(unit, "payments")
    captures, refunds = rows(payments, "captures"), rows(payments, "refunds")
    taken = [row for row in captures if row["status"] in TAKEN]
    status = told["status"]
    state = _state(status, captures, taken)
    pending = state is base.State.PENDING and status == "COMPLETED"
    facts = tuple(_refund_fact(row, taken) for row in refunds) if taken else ()
    return base.Snapshot(
        state=state,
        gateway_id=text(told["id"]),
        reference=text(unit["invoice_id"]),
        merchant=text(within(unit, "payee")["merchant_id"]),
        order_reference=text(unit.get("custom_id") or ""),
        method="redirect",
        captures=tuple(_capture(row, facts) for row in taken),
        refunds=facts,
        presentation=approval(told) if status in OPEN else None,
        note=CAPTURE_PENDING if pending else "",
    )


def approval(told: Mapping[str, Any]) -> base.Presentation | None:
    """Where the shopper agrees."""
    for link in rows(told, "links"):
        if link.get("rel") in ("payer-action", "approve"):
            if not isinstance(link["href"], str) or not URL.fullmatch(link["href"]):
                raise ValueError("not a link")
            return base.Presentation("redirect", {"url": link["href"]})
    return None


def refund(told: Mapping[str, Any]) -> base.RefundSnapshot:
    """A refund as PayPal shows it."""
    amount, currency = to_minor(told["amount"])
    return base.RefundSnapshot(
        state=REFUND_STATES[told["status"]],
        gateway_id=text(told["id"]),
        amount_minor=amount,
        currency=currency,
    )


def refund_reference(told: Mapping[str, Any]) -> str:
    """Ours, or PayPal's id for one made at its desk."""
    return text(told["custom_id"] if is_ours(told.get("custom_id")) else told["id"])


def is_ours(reference: object) -> bool:
    """Whether this may be a reference that we have given."""
    return isinstance(reference, str) and OURS.fullmatch(reference) is not None


def is_charge(told: Mapping[str, Any]) -> bool:
    """A line of the report about money that came. V went back whole later; it had come."""
    came = text(told["transaction_event_code"]).startswith("T00")
    return came and told["transaction_status"] in ("S", "V")


def is_refund(told: Mapping[str, Any]) -> bool:
    """A line of the report about money that we sent back."""
    code, status = text(told["transaction_event_code"]), text(told["transaction_status"])
    return code == "T1107" and status == "S"


def movement(told: Mapping[str, Any], reference: str) -> base.StatementRow:
    """A line of the report: money that came, or went back."""
    amount, currency = to_minor(told["transaction_amount"])
    fee, fee_currency = to_minor(told["fee_amount"]) if told.get("fee_amount") else (0, currency)
    back = is_refund(told)
    if (amount < 0) is not back:
        raise ValueError("the sign is another's")
    custom = told.get("custom_field")
    refund_id = custom if is_ours(custom) else told["transaction_id"]
    capture_id = told["paypal_reference_id"] if back else told["transaction_id"]
    return base.StatementRow(
        kind="refund" if back else "charge",
        reference=text(reference),
        refund_reference=text(refund_id) if back else "",
        transaction_id=text(capture_id),
        amount_minor=abs(amount),
        currency=currency,
        at=moment(told["transaction_initiation_date"]),
        fee_minor=-fee if fee_currency == currency and not back else 0,
    )


def _state(
    status: object, captures: Sequence[Mapping[str, Any]], taken: Sequence[Mapping[str, Any]]
) -> base.State:
    if taken:
        return base.State.CAPTURED
    if any(row["status"] == "PENDING" for row in captures):
        return base.State.PENDING
    if status == "COMPLETED" and captures and all(row["status"] in NOT_TAKEN for row in captures):
        return base.State.DECLINED
    if status in OPEN:
        return base.State.PENDING
    return {"APPROVED": base.State.AUTHORIZED, "VOIDED": base.State.CLOSED}[str(status)]


def _capture(told: Mapping[str, Any], refunds: Sequence[base.RefundFact]) -> base.Capture:
    amount, currency = to_minor(told["amount"])
    transaction_id = text(told["id"])
    if amount <= 0:
        raise ValueError("not an amount")
    known = [fact for fact in refunds if fact.transaction_id == transaction_id]
    back = sum(fact.amount_minor for fact in known if fact.state is base.RefundState.DONE)
    if told["status"] == "REFUNDED":
        back = amount
    elif told["status"] == "PARTIALLY_REFUNDED" and not known:
        raise ValueError("something went back, and nothing says how much")
    return base.Capture(
        transaction_id=transaction_id,
        amount_minor=amount,
        currency=currency,
        captured_at=moment(told["create_time"]),
        refunded_minor=back,
    )


def _refund_fact(told: Mapping[str, Any], captures: Sequence[Mapping[str, Any]]) -> base.RefundFact:
    ids = {text(row["id"]) for row in captures}
    named = {str(link.get("href")).rpartition("/")[2] for link in rows(told, "links")} & ids
    # Where the refund names no capture, the only one is meant.
    (transaction_id,) = named or ids
    shown = refund(told)
    return base.RefundFact(
        reference=refund_reference(told),
        transaction_id=transaction_id,
        amount_minor=shown.amount_minor or 0,
        state=shown.state,
    )


def _word(value: object) -> str:
    return value if isinstance(value, str) and ISSUE.fullmatch(value) else ""
