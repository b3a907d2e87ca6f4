"""Asking PayPal: orders, captures and the report of transactions, read strictly for one account."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from payments.gateways import base
from payments.gateways import paypal_answers as answers
from payments.gateways.paypal_client import Client
from payments.gateways.wire import moment, reading, text, whole

CHECKOUTS = "/v2/checkout/orders"
CAPTURES = "/v2/payments/captures"
REPORT = "/v1/reporting/transactions"
ID = re.compile(r"[A-Za-z0-9]{6,40}", re.ASCII)
# Six hours to be sent to PayPal and six to agree; nothing can be captured later.
CAPTURABLE_FOR = timedelta(hours=12)
# The report may lag three hours behind, and spans 31 days at most.
REPORT_DELAY = timedelta(hours=3)
REPORT_SPAN_MAX = timedelta(days=31)
REPORT_ROWS, REPORT_PAGES_MAX = 500, 10_000
GONE = frozenset({"INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND"})


class Reader:
    """Every object is of our account and of the reference asked for; all else is Unknown."""

    def __init__(self, client: Client, merchant_id: str, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._merchant_id = merchant_id
        self._clock = clock

    def snapshot(self, answer: dict[str, Any], reference: str) -> base.Snapshot:
        """An order of ours."""
        with reading():
            snapshot = answers.checkout(answer)
        if snapshot.reference != reference or snapshot.merchant != self._merchant_id:
            raise base.Unknown("the answer is about another merchant or reference")
        return snapshot

    def checkout(self, checkout_id: str, reference: str) -> base.Snapshot | None:
        """An order by PayPal's id; None where PayPal has it no more."""
        status, answer = self._client.ask("GET", f"{CHECKOUTS}/{named(checkout_id)}")
        if status == 404 and answers.issue_of(answer) in GONE:
            return None
        return self.snapshot(answers.accepted(status, answer), reference)

    def capture(self, capture_id: str) -> dict[str, Any]:
        """A capture as PayPal shows it."""
        return answers.accepted(*self._client.ask("GET", f"{CAPTURES}/{named(capture_id)}"))

    def search(self, payment: base.PaymentRef) -> base.Snapshot | None:
        """A capture of ours whose order nobody remembers: by its number in the report."""
        begins = payment.created_at - timedelta(hours=1)
        until = min(begins + REPORT_SPAN_MAX, self._clock() + timedelta(seconds=1))
        rows, known_until = self.report(begins, until)
        with reading():
            for told in rows:
                if told.get("invoice_id") == payment.reference and answers.is_charge(told):
                    capture = self.capture(text(told["transaction_id"]))
                    related = answers.within(capture, "supplementary_data")
                    checkout_id = answers.within(related, "related_ids")["order_id"]
                    return self.checkout(text(checkout_id), payment.reference)
        if known_until < payment.created_at + CAPTURABLE_FOR:
            raise base.Unknown("the report is not complete yet")
        return None

    def report(self, begins: datetime, ends: datetime) -> tuple[list[Mapping[str, Any]], datetime]:
        """Every line of a time, and until when PayPal knows all of them."""
        last = ends - timedelta(seconds=1)
        wanted = {"start_date": _rfc3339(begins), "end_date": _rfc3339(last),
                  "fields": "transaction_info", "page_size": REPORT_ROWS}  # fmt: skip
        rows: list[Mapping[str, Any]] = []
        for page in range(1, REPORT_PAGES_MAX):
            path = f"{REPORT}?{urlencode(wanted | {'page': page})}"
            status, answer = self._client.ask("GET", path)
            if status >= 300:
                raise base.Unknown(f"HTTP {status} {answers.issue_of(answer)}")
            with reading():
                if answer["account_number"] != self._merchant_id:
                    raise base.Unknown("a report of another account")
                details = answers.rows(answer, "transaction_details")
                rows += [answers.within(row, "transaction_info") for row in details]
                if page >= whole(answer["total_pages"]):
                    return rows, moment(answer["last_refreshed_datetime"])
        raise base.Unknown("a report without end")

    def movement(self, told: Mapping[str, Any]) -> base.StatementRow | None:
        """A line of the report where it is money of ours."""
        is_refund = answers.is_refund(told)
        if not is_refund and not answers.is_charge(told):
            return None
        reference = told.get("invoice_id")
        if is_refund and not reference:
            # Made at PayPal's desk it says no word of ours: its capture does.
            reference = self.capture(text(told["paypal_reference_id"])).get("invoice_id")
        return answers.movement(told, str(reference)) if answers.is_ours(reference) else None


def named(paypal_id: str) -> str:
    """An id that may stand in a path."""
    if not ID.fullmatch(paypal_id):
        raise base.Unknown("not an id of PayPal's")
    return paypal_id


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
