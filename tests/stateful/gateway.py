"""The shop's adapter of the bank in memory; a story scripts how each call goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from django.db import connection

from payments.gateways import base
from tests.stateful.bank import Account, Bank, Charge, GivenBack, Underway
from tests.stateful.clock import Clock

T = TypeVar("T")
SIGNATURE = "signed by the bank"
LIFETIMES = {"qr": 900, "redirect": 1800, "card": 900, "consent": 900}
KINDS = {"qr": "qr", "redirect": "redirect", "card": "embedded", "consent": "redirect"}


class PowerCut(BaseException):
    """The process ends here. No handler of ours may hold it up."""


class Fate(StrEnum):
    """How one call to the bank goes."""

    ANSWERED = "answered"
    LOST = "done, but the answer is lost"
    UNREACHED = "the bank never hears of it"
    LATE = "it arrives after we have given up waiting"
    SLOW = "answered after five seconds"
    STALE = "things happen between the bank's answer and our reading it"
    CUT_BEFORE = "the power is cut before the bank hears of it"
    CUT_AFTER = "the power is cut before the answer is recorded"


class Script:
    """The one bank of this process, and what the next calls to it will be like."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.bank = Bank(self.clock)
        self.fates: list[Fate] = []
        self.meanwhile: Callable[[], object] | None = None

    def restart(self) -> None:
        self.clock.restart()
        self.bank.restart()
        self.fates, self.meanwhile = [], None

    def call(self, effect: Callable[[], T], reference: str) -> T:
        """One call: its effect at the bank, and what the shop learns of it."""
        if len(connection.atomic_blocks) > 1:
            self.bank.complaints.append("the bank was asked inside a transaction")
        fate = self.fates.pop(0) if self.fates else Fate.ANSWERED
        if fate is Fate.CUT_BEFORE:
            raise PowerCut
        if fate is Fate.UNREACHED:
            raise base.Unknown("connection refused")
        if fate is Fate.LATE:
            self.bank.underway.append(Underway(effect, self.clock.now, reference))
            raise base.Unknown("timed out")
        answer = effect()
        self._afterwards(fate)
        return answer

    def _afterwards(self, fate: Fate) -> None:
        if fate is Fate.CUT_AFTER:
            raise PowerCut
        if fate is Fate.LOST:
            raise base.Unknown("connection reset")
        if fate is Fate.SLOW:
            self.clock.forward(5)
        if fate is Fate.STALE and self.meanwhile is not None:
            happening, self.meanwhile = self.meanwhile, None
            happening()


SCRIPT = Script()


class ScriptedGateway:
    """`payments.gateways.base.Gateway` over the bank in memory."""

    name = "scripted"
    acknowledgement = base.Acknowledgement()

    def methods(self) -> Sequence[base.Capabilities]:
        return [
            base.Capabilities(
                method=method,
                title=method,
                presentations=(KINDS[method],),
                merchant_captures=method == "consent",
                lifetime=timedelta(seconds=seconds),
                not_found_final_after=timedelta(seconds=seconds + 300),
            )
            for method, seconds in LIFETIMES.items()
        ]

    def create(self, request: base.CreateRequest) -> base.Snapshot:
        def open_it() -> base.Snapshot:
            account = SCRIPT.bank.create(request)
            if account is None:
                return base.Snapshot(base.State.CLOSED, reference=request.reference)
            return snapshot(account)

        return SCRIPT.call(open_it, request.reference)

    def query(self, payment: base.PaymentRef) -> base.Snapshot:
        return SCRIPT.call(lambda: shown(payment.reference), payment.reference)

    def close(self, payment: base.PaymentRef) -> base.CloseResult:
        def close_it() -> base.CloseResult:
            answer, account = SCRIPT.bank.close(payment.reference, payment.method)
            if account is None:
                return base.CloseResult(answer)
            if payment.capture_sent and answer is base.CloseAnswer.CLOSED:
                answer = base.CloseAnswer.NOT_CLOSABLE  # it may be on its way
            until = account.request.expires_at
            dead_after = until if answer is base.CloseAnswer.NOT_CLOSABLE else None
            return base.CloseResult(answer, dead_after, snapshot(account))

        return SCRIPT.call(close_it, payment.reference)

    def refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        return SCRIPT.call(lambda: refund_snapshot(SCRIPT.bank.refund(request)), request.reference)

    def query_refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        def look() -> base.RefundSnapshot:
            known = SCRIPT.bank.refunds.get(request.reference)
            if known is None:
                return base.RefundSnapshot(base.RefundState.NOT_FOUND)
            return refund_snapshot(known)

        return SCRIPT.call(look, request.reference)

    def capture(self, payment: base.PaymentRef, key: str) -> base.Snapshot:
        def take() -> base.Snapshot:
            account = SCRIPT.bank.capture(payment.reference)
            if account is None:
                return base.Snapshot(base.State.NOT_FOUND, reference=payment.reference)
            return snapshot(account)

        return SCRIPT.call(take, payment.reference)

    def parse_notification(self, request: base.RawRequest) -> Sequence[base.NotificationHint]:
        if request.headers.get("signature") != SIGNATURE:
            raise base.NotificationRefused(401, "bad signature")
        return [base.NotificationHint(**json.loads(request.body))]

    def statement(self, day: date) -> Sequence[base.StatementRow]:
        return [
            row
            for account in SCRIPT.bank.accounts.values()
            for charge in account.charges
            for row in movements(account, charge)
            if row.at.date() == day
        ]


def shown(reference: str) -> base.Snapshot:
    account = SCRIPT.bank.find(reference)
    if account is None:
        return base.Snapshot(base.State.NOT_FOUND, reference=reference)
    return snapshot(account)


def snapshot(account: Account) -> base.Snapshot:
    request = account.request
    kind = KINDS[request.method]
    return base.Snapshot(
        state=account.state,
        gateway_id=f"id-{account.reference}",
        reference=account.reference,
        merchant="scripted",
        order_reference=request.order_reference,
        method=request.method,
        captures=tuple(
            base.Capture(c.transaction_id, c.amount_minor, c.currency, c.at, c.returned_minor())
            for c in account.charges
        ),
        refunds=tuple(
            base.RefundFact(b.request.reference, c.transaction_id, b.request.amount_minor, b.state)
            for c in account.charges
            for b in c.back
        ),
        presentation=base.Presentation(kind, {"text": account.reference}),
        expires_at=request.expires_at,
        note=account.note,
    )


def refund_snapshot(back: GivenBack) -> base.RefundSnapshot:
    return base.RefundSnapshot(
        back.state,
        gateway_id=f"id-{back.request.reference}",
        amount_minor=back.request.amount_minor,
        currency=back.request.currency,
    )


def movements(account: Account, charge: Charge) -> list[base.StatementRow]:
    def row(kind: str, refund: str, amount_minor: int, at: datetime) -> base.StatementRow:
        return base.StatementRow(
            kind,
            account.reference,
            refund,
            charge.transaction_id,
            amount_minor,
            charge.currency,
            at,
        )

    given = [b for b in charge.back if b.state is base.RefundState.DONE]
    return [
        row("charge", "", charge.amount_minor, charge.at),
        *(row("refund", b.request.reference, b.request.amount_minor, b.at) for b in given),
    ]
