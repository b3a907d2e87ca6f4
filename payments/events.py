"""Facts that payments makes true, in the past tense; who hears them is in shop/wiring.py."""

from dataclasses import dataclass
from datetime import datetime

from shop.outbox import fact


@fact
@dataclass(frozen=True)
class PaymentStarted:
    """An attempt is on disk: from now on money may arrive."""

    order_reference: str
    payment: str

    @property
    def dedupe_key(self) -> str:
        return self.payment


@fact
@dataclass(frozen=True)
class PaymentCaptured:
    """The capture that pays the intent, once for ever."""

    order_reference: str
    payment: str
    amount_minor: int
    currency: str
    captured_at: datetime

    @property
    def dedupe_key(self) -> str:
        return self.payment


@fact
@dataclass(frozen=True)
class PaymentEnded:
    """An attempt ended without paying; `may_still_arrive` when another is not proven dead."""

    order_reference: str
    payment: str
    may_still_arrive: bool

    @property
    def dedupe_key(self) -> str:
        return self.payment


@fact
@dataclass(frozen=True)
class SurplusCaptured:
    """Money that does not pay the intent; `refund` sends it back."""

    order_reference: str
    payment: str
    amount_minor: int
    currency: str
    refund: str

    @property
    def dedupe_key(self) -> str:
        return self.payment


@fact
@dataclass(frozen=True)
class RefundDone:
    """Money went back; `settles` when it came from the capture that paid the intent.

    Who asked for it may have chosen to tell the shopper in another way.
    """

    order_reference: str
    payment: str
    refund: str
    amount_minor: int
    settles: bool
    fully_refunded: bool
    tell_shopper: bool = True

    @property
    def dedupe_key(self) -> str:
        return self.refund


@fact
@dataclass(frozen=True)
class RefundFailed:
    """The gateway's final no to a refund; `was_done` when it had said yes before."""

    order_reference: str
    payment: str
    refund: str
    settles: bool
    was_done: bool

    @property
    def dedupe_key(self) -> str:
        return self.refund
