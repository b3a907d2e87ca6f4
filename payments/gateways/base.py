"""What the shop asks of every gateway: the interface, its questions and its answers.

Nothing here knows Django, our models, or any one gateway. No SDK object, HTTP error or
gateway status leaves an adapter: it answers with the frozen values below. Each call ends in
one of three ways: the value, `Refused` (the gateway's own final "no"), or `Unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from payments.gateways.refusals import NoStatement, NotificationRefused, Refused, Unknown

__all__ = ["NoStatement", "NotificationRefused", "Refused", "Unknown"]


class State(StrEnum):
    """Where a payment stands at the gateway."""

    NOT_FOUND = "not_found"
    PENDING = "pending"  # may still be paid; also after a decline the shopper may repeat
    AUTHORIZED = "authorized"  # the shopper agreed; money moves only when we `capture`
    CAPTURED = "captured"  # money was taken; `captures` says how much, and what went back
    DECLINED = "declined"  # final: this object can never be paid
    CLOSED = "closed"  # final: closed or expired, this object can never be paid


class RefundState(StrEnum):
    """Where a refund stands at the gateway."""

    NOT_FOUND = "not_found"
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class CloseAnswer(StrEnum):
    """What became of our wish to close."""

    CLOSED = "closed"  # no money can come any more
    ALREADY_PAID = "already_paid"
    NOT_CLOSABLE = "not_closable"  # payable until `dead_after`
    NOT_FOUND = "not_found"  # the gateway has not seen the reference (yet)


@dataclass(frozen=True)
class Presentation:
    """How a shopper pays: `kind` is redirect, form_post, qr, embedded or voucher.

    `content` holds the kind's own fields as DESIGN's doors name them; `secret_fields` names
    those that must not be cached or logged (a client token).
    """

    kind: str
    content: Mapping[str, Any]
    secret_fields: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **self.content}


@dataclass(frozen=True)
class CreateRequest:
    """The exact request, stored before it is sent and repeated unchanged."""

    reference: str  # ours: merchant reference and idempotency key
    # Travels with the payment: after lost commits it alone says whose money it is.
    order_reference: str
    method: str
    amount_minor: int
    currency: str
    subject: str
    created_at: datetime
    expires_at: datetime
    notify_url: str
    return_url: str
    locale: str
    device: str = "desktop"  # or "phone"
    # What the method's `needs` asked of the shopper, by the same names; who asks, for the risk
    # checks of some gateways.
    payer: Mapping[str, str] = field(default_factory=dict)
    ip: str = ""


@dataclass(frozen=True)
class PaymentRef:
    """What names a payment towards its gateway."""

    reference: str
    method: str
    created_at: datetime
    gateway_id: str = ""
    transaction_id: str = ""
    # For gateways that cannot look a reference up: the same request again finds its payment.
    request: CreateRequest | None = None
    # A capture was sent, perhaps without an answer: from then on no close is certain.
    capture_sent: bool = False


@dataclass(frozen=True)
class Capture:
    """One gateway transaction that took money. Amounts in minor units."""

    transaction_id: str
    amount_minor: int
    currency: str
    captured_at: datetime
    refunded_minor: int = 0


@dataclass(frozen=True)
class RefundFact:
    """A refund that the gateway shows with a payment."""

    reference: str
    transaction_id: str
    amount_minor: int
    state: RefundState


@dataclass(frozen=True)
class Snapshot:
    """The gateway's own word about one of our references, read at one moment."""

    state: State
    gateway_id: str = ""
    reference: str = ""
    merchant: str = ""
    order_reference: str = ""
    method: str = ""
    captures: Sequence[Capture] = ()
    refunds: Sequence[RefundFact] = ()
    presentation: Presentation | None = None
    expires_at: datetime | None = None
    note: str = ""  # a decline the shopper may repeat, for the page and the timeline


@dataclass(frozen=True)
class CloseResult:
    """The answer to a close, with the payment as the gateway then showed it."""

    answer: CloseAnswer
    dead_after: datetime | None = None
    snapshot: Snapshot | None = None


@dataclass(frozen=True)
class RefundRequest:
    """The exact refund, repeated unchanged by every re-send."""

    reference: str  # ours: the gateway's idempotency key for this refund
    payment: PaymentRef
    amount_minor: int
    currency: str
    reason: str
    created_at: datetime
    captured_minor: int = 0  # the whole of the capture that it is a part of


@dataclass(frozen=True)
class RefundSnapshot:
    """The gateway's own word about one refund."""

    state: RefundState
    gateway_id: str = ""
    amount_minor: int | None = None
    currency: str = ""
    note: str = ""  # the gateway's own word for a failure, for whoever has to act


@dataclass(frozen=True)
class Acknowledgement:
    """What a gateway wants to hear when its notification was stored."""

    status: int = 200
    content_type: str = "text/plain"
    body: bytes = b"ok"


@dataclass(frozen=True)
class RawRequest:
    """A webhook as it came over the wire; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class NotificationHint:
    """A genuine notification: whom it is about, never what is true."""

    notification_id: str
    kind: str
    reference: str = ""  # of a payment
    refund_reference: str = ""
    gateway_id: str = ""


@dataclass(frozen=True)
class StatementRow:
    """One movement of real money in the gateway's own books."""

    kind: str  # "charge" or "refund"
    reference: str  # the payment's, for both kinds
    refund_reference: str
    transaction_id: str
    amount_minor: int
    currency: str
    at: datetime
    fee_minor: int = 0


@dataclass(frozen=True)
class Capabilities:
    """What one method of one gateway can and cannot do."""

    method: str
    title: str
    presentations: tuple[str, ...]
    currencies: frozenset[str] | None = None  # None: every currency
    amount_minor_min: int = 1
    amount_minor_max: int = 10**12
    refundable: bool = True
    merchant_captures: bool = False  # the shopper's consent alone moves no money: `capture` does
    needs: tuple[str, ...] = ()  # facts about the payer that the shopper must enter: "tax_id"
    lifetime: timedelta = timedelta(minutes=15)  # of the QR or link
    # "Not found" is final only after the longest request delay plus the life of the link.
    not_found_final_after: timedelta = timedelta(minutes=20)
    late_window: timedelta = timedelta(days=3)  # how long money may surprise us
    poll_after_seconds: tuple[int, ...] = field(default=())  # empty: the shop's own schedule
    frame_origins: tuple[str, ...] = ()  # origins that an Embedded page may frame
    frame_url: str = ""  # the Embedded form's address, `{client_token}` standing for the token


class Gateway(Protocol):
    """One gateway. Every call has a time limit and raises `Refused` or `Unknown`."""

    name: str
    acknowledgement: Acknowledgement

    def methods(self) -> Sequence[Capabilities]:
        """What it offers; asked once at start, no network."""

    def create(self, request: CreateRequest) -> Snapshot:
        """Open the payment, or find the one that the same request opened before."""

    def query(self, payment: PaymentRef) -> Snapshot:
        """The gateway's word by our reference; `State.NOT_FOUND` is an answer."""

    def close(self, payment: PaymentRef) -> CloseResult:
        """Ask that the payment can never be paid."""

    def capture(self, payment: PaymentRef, key: str) -> Snapshot:
        """Take the money that the shopper agreed to, once per key. Only where `merchant_captures`.

        `State.PENDING` is the gateway's word that this capture took nothing and never will.
        """

    def refund(self, request: RefundRequest) -> RefundSnapshot:
        """Send money back once, however often the same request is repeated."""

    def query_refund(self, request: RefundRequest) -> RefundSnapshot:
        """The gateway's word about a refund by our refund reference."""

    def parse_notification(self, request: RawRequest) -> Sequence[NotificationHint]:
        """Verify a webhook and say whom it is about; raises NotificationRefused."""

    def statement(self, day: date) -> Sequence[StatementRow]:
        """Every movement of money of one UTC day; NoStatement where there is no such thing."""
