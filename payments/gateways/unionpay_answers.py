"""UnionPay's words in ours. Pure: every shape that was not promised is a ValueError or KeyError,
which the adapter turns into `Unknown`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from payments.gateways import base
from payments.gateways.wire import text, whole

BEIJING = timezone(timedelta(hours=8))
# orderId: 8 to 40 letters and digits, no "-" and no "_" (provider's sample).
REFERENCE = re.compile(r"[A-Za-z0-9]{8,40}", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
CODE = re.compile(r"[0-9A-Z]{2}", re.ASCII)
DONE = frozenset({"00", "A6"})
# Communication time-out, state unclear, accepted but not done: ask again (provider's sample).
ASK_AGAIN = frozenset({"03", "04", "05"})
NOT_FOUND, REPEATED = "34", "12"
# The bank took the money after payTimeout; UnionPay returns it by itself within some five days.
TOO_LATE = "42"
# A no to this very request. The others (busy, too often, bad signature, general error, an orderId
# that is known already) do not say that no money can come under our reference.
FINAL = frozenset(
    {"01", "10", "13", "31", "32", "33", "35", "36", "38", "39"}
    | {str(code) for code in range(60, 78)}
)
CURRENCIES = {"156": "CNY", "344": "HKD", "392": "JPY", "446": "MOP", "826": "GBP", "840": "USD",
              "978": "EUR"}  # fmt: skip
METHODS = {"01": "web", "07": "qr"}
FIELDS_MAX = 100


def parse_answer(body: bytes) -> dict[str, str]:
    """An answer's `name=value&…`: no percent signs, so "+" and "=" of base64 stay; an "&" within
    braces belongs to the value."""
    told = body.decode("utf-8")
    parts = re.findall(r"(?:[^&{}]|\{[^{}]*\})+", told)
    if "&".join(parts) != told:
        raise ValueError("fields that cannot be told apart")
    fields: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        _add(fields, name, value)
    return fields


def parse_form(body: bytes) -> dict[str, str]:
    """A posted form; empty values stay, because they are signed."""
    fields: dict[str, str] = {}
    for part in body.decode("ascii").split("&"):
        name, _, value = part.partition("=")
        _add(fields, _plain(name), _plain(value))
    return fields


def beijing(moment: datetime) -> str:
    """YYYYMMDDhhmmss, as txnTime and payTimeout are written."""
    return moment.astimezone(BEIJING).strftime("%Y%m%d%H%M%S")


def reserved(words: str) -> str:
    """Our own word for reqReserved, which comes back with every answer; base64, because "&", "="
    and braces would break the message."""
    return base64.b64encode(words.encode()).decode()


def own_words(fields: Mapping[str, str]) -> str:
    """What we put into reqReserved."""
    return text(base64.b64decode(fields.get("reqReserved", ""), validate=True).decode())


def refuse(code: str) -> NoReturn:
    """Raises Refused or Unknown for the code of a request that was not done."""
    if code in FINAL:
        raise base.Refused(f"unionpay_{code}")
    raise base.Unknown(f"UnionPay answers {_matching(code, CODE)}")


def snapshot(fields: Mapping[str, str], *, is_over: bool) -> base.Snapshot:
    """A payment as a query shows it. `is_over`: payTimeout has passed, and only then is anything
    but a success final (provider's sample)."""
    code = _matching(fields["origRespCode"], CODE)
    captures: tuple[base.Capture, ...] = ()
    state, note = base.State.PENDING, ""
    if code in DONE:
        state, captures = base.State.CAPTURED, (_capture(fields),)
    elif code in ASK_AGAIN:
        state = base.State.CLOSED if is_over else base.State.PENDING
    else:
        state = base.State.DECLINED if is_over else base.State.PENDING
        note = "paid too late, returns by itself" if code == TOO_LATE else f"unionpay_{code}"
    return base.Snapshot(
        state=state,
        gateway_id=text(fields.get("queryId", "")),
        reference=fields["orderId"],
        merchant=fields["merId"],
        order_reference=own_words(fields),
        method=METHODS[fields["txnSubType"]],
        captures=captures,
        note=note,
    )


def refund_snapshot(fields: Mapping[str, str]) -> base.RefundSnapshot:
    """A refund as a query shows it; a refund has no payTimeout, so a failure is final."""
    code = _matching(fields["origRespCode"], CODE)
    state = base.RefundState.FAILED
    if code in DONE | ASK_AGAIN:
        state = base.RefundState.DONE if code in DONE else base.RefundState.PENDING
    return base.RefundSnapshot(
        state=state,
        gateway_id=text(fields.get("queryId", "")),
        amount_minor=amount(fields["txnAmt"]),
        currency=currency(fields["currencyCode"]) if "currencyCode" in fields else "",
    )


def hint(fields: Mapping[str, str]) -> base.NotificationHint:
    """Whom a notification is about. It has no id: the transaction and its result make one."""
    reference = _matching(fields["orderId"], REFERENCE)
    transaction = _matching(fields["queryId"], DIGITS_21)
    code = _matching(fields["respCode"], CODE)
    name = f"{fields['txnType']}-{transaction}-{code}"
    if fields["txnType"] == "04":
        paid_by = _matching(own_words(fields), REFERENCE)
        return base.NotificationHint(name, "refund.changed", paid_by, reference)
    if fields["txnType"] != "01":
        raise ValueError("neither a payment nor a refund")
    kind = "payment.paid" if code in DONE else "payment.changed"
    return base.NotificationHint(name, kind, reference)


def amount(value: str) -> int:
    """Fen, an integer."""
    return whole(int(_matching(value, DIGITS)))


def currency(code: str) -> str:
    """ISO 4217 letters; an unknown number goes through as it is, for the caller to compare."""
    return CURRENCIES.get(code) or _matching(code, re.compile(r"[0-9]{3}", re.ASCII))


def with_year(month_to_second: str, near: datetime) -> datetime:
    """MMDDhhmmss in Beijing, in the year that is nearest."""
    told = _matching(month_to_second, re.compile(r"[0-9]{10}", re.ASCII))
    moments = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            moment = datetime.strptime(f"{year}{told}", "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
        except ValueError:
            continue  # 29 February of another year
        moments.append(moment)
    if not moments:
        raise ValueError("not a moment")
    return min(moments, key=lambda moment: abs(moment - near))


DIGITS_21 = re.compile(r"[0-9]{1,21}", re.ASCII)


def _capture(fields: Mapping[str, str]) -> base.Capture:
    opened = datetime.strptime(fields["txnTime"], "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
    taken = amount(fields["txnAmt"])
    if not taken:
        raise ValueError("not an amount")
    return base.Capture(
        transaction_id=_matching(fields["queryId"], DIGITS_21),
        amount_minor=taken,
        currency=currency(fields["currencyCode"]),
        captured_at=with_year(fields["traceTime"], opened),
    )


def _add(fields: dict[str, str], name: str, value: str) -> None:
    if not name or name in fields or len(fields) >= FIELDS_MAX:
        raise ValueError("a field without a name, twice, or one too many")
    fields[name] = value


def _plain(part: str) -> str:
    return unquote_to_bytes(part.replace("+", " ")).decode("utf-8")


def _matching(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not of the agreed form")
    return value
